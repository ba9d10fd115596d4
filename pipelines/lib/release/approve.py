"""A person's yes to a version, and what follows from it."""

import getpass
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.lib.release.approval_log import Act, ApprovalLog, Entry
from pipelines.lib.release.content_hash import content_sha256
from pipelines.lib.release.gates import read_gates
from pipelines.lib.release.registered_version import Alias, RegisteredVersion, Registry, Tag
from pipelines.lib.release.release_error import ApprovalRefusedError, GateError, RegistryError

MLFLOW_INTERFACE = "the MLflow interface"
"""Who set an alias that no command of ours has set: MLflow does not say which person it was."""
_LONGEST_NAME = 100
_LONGEST_REASON = 1000


@dataclass(frozen=True, slots=True)
class Approver:
    """Who says yes, and why.

    Attributes:
        name: the person's name.
        reason: why this version, in words.
    """

    name: str
    reason: str


@dataclass(frozen=True, slots=True)
class Approved:
    """What came of a yes.

    Attributes:
        version: the version.
        approvers: everyone who has said yes to it.
        missing: how many further people have to before it is used; 0 when it is the approved one now.
        before: number of the version that was the approved one until now, if another one was.
    """

    version: RegisteredVersion
    approvers: tuple[str, ...]
    missing: int
    before: int | None


@dataclass(frozen=True)
class Approvals:
    """The rules of approval over a registry and a log.

    Attributes:
        registry: where the versions are.
        log: where each yes is written.
        four_eyes: two different people have to say yes, none of whom trained or registered the version.
        now: tells the time, UTC.
    """

    registry: Registry
    log: ApprovalLog
    four_eyes: bool
    now: Callable[[], datetime] = lambda: datetime.now(UTC)

    @property
    def needed(self) -> int:
        """How many different people have to say yes."""
        return 2 if self.four_eyes else 1

    def approve(self, model: str, wanted: str, approver: Approver) -> Approved:
        """Writes down a yes, and makes the version the approved one when enough people have said so.

        Killed anywhere and called again with the same arguments, it ends as if it had not been killed.

        Args:
            model: name of the registered model.
            wanted: number or alias of the version; `previous` rolls back.
            approver: who, and why.

        Raises:
            GateError: a gate failed, or the version was not evaluated. Nothing is changed then.
            ApprovalRefusedError: the files are not those that were registered, or the rule of
                four eyes forbids it. Nothing is changed then.
            RegistryError: there is no such version.
            LogFaultError: the log of approvals was changed.
        """
        _check_words(approver)
        with self.log.held():
            version = self._find(model, wanted)
            self._check_quality(version)
            said = self._approvers(version)
            if not (_same(approver.name, said) and len(said) >= self.needed and self._is_unfinished(version)):
                self._check_person(version, approver, said)
                self._add(Act.APPROVE, version, approver.name, approver.reason)
                said = self._approvers(version)
            missing = max(0, self.needed - len(said))
            before = None if missing else self._put_in_use(version, approver)
            self.registry.set_tags(version, {Tag.APPROVALS: ", ".join(said)})
            return Approved(version, tuple(said), missing, before)

    def in_use(self, model: str) -> tuple[RegisteredVersion, Entry] | None:
        """Returns the approved version of a model with the entry that made it so; None when there is none.

        An alias that was set in MLflow's own interface is a yes too, by nobody known: it is written down
        here, and is refused under the rule of four eyes, which has to know people.

        Raises:
            ApprovalRefusedError: the version that has the alias may not be used.
            LogFaultError: the log of approvals was changed.
        """
        with self.log.held():
            version = self.registry.holder(model, Alias.APPROVED)
            if version is None:
                return None
            last = self._last_in_use(model)
            if last and (last.version, last.content) == (version.number, version.tag(Tag.CONTENT)):
                return version, last
            self._check_quality(version)
            said = self._approvers(version)
            if self.four_eyes and len(said) < self.needed:
                raise ApprovalRefusedError(
                    f"{version.name} has the alias by {MLFLOW_INTERFACE}, but {len(said)} of {self.needed} "
                    "people have approved it: python -m pipelines approve VERSION --by NAME --reason …"
                )
            # A command that was killed between the alias and the log is no act in MLflow's interface.
            said_last = self.log.entries(model)[-1] if said and self._is_unfinished(version) else None
            who = Approver(MLFLOW_INTERFACE, "the alias was set there")
            self._put_in_use(version, Approver(said_last.by, said_last.reason) if said_last else who)
            return version, self._entry_in_use(version)

    def _find(self, model: str, wanted: str) -> RegisteredVersion:
        versions = self.registry.versions(model)
        for version in versions:
            if wanted == str(version.number) or wanted in version.aliases:
                return version
        known = ", ".join(str(one.number) for one in versions) or "none"
        raise RegistryError(f"{model} has no version {wanted!r}; it has: {known}")

    def _check_quality(self, version: RegisteredVersion) -> None:
        with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
            folder = Path(scratch) / "release"
            self.registry.fetch(version, folder)
            if content_sha256(folder) != version.tag(Tag.CONTENT):
                raise ApprovalRefusedError(f"the files of {version.name} are not those that were registered")
            failed = [gate.name for gate in read_gates(folder) if not gate.passed]
        if failed:
            raise GateError(f"{version.name} did not pass its gates: {', '.join(failed)}")

    def _check_person(self, version: RegisteredVersion, approver: Approver, said: list[str]) -> None:
        if not self.four_eyes:
            return
        makers = [version.tag(Tag.TRAINED_BY), version.tag(Tag.REGISTERED_BY)]
        if _same(approver.name, makers):
            raise ApprovalRefusedError(
                f"{approver.name} made {version.name}: somebody else has to approve it"
            )
        if _same(approver.name, said) and len(said) < self.needed:
            raise ApprovalRefusedError(
                f"{approver.name} has approved {version.name} already: a second person has to"
            )

    def _approvers(self, version: RegisteredVersion) -> list[str]:
        found: dict[str, str] = {}
        for entry in self.log.entries(version.model):
            is_this = (entry.version, entry.content) == (version.number, version.tag(Tag.CONTENT))
            if is_this and entry.act is Act.APPROVE:
                found.setdefault(_folded(entry.by), entry.by)
        return list(found.values())

    def _last_in_use(self, model: str) -> Entry | None:
        return next((one for one in reversed(self.log.entries(model)) if one.act is Act.IN_USE), None)

    def _is_unfinished(self, version: RegisteredVersion) -> bool:
        """Tells whether the last yes was to this version and did not get as far as the alias or the log."""
        entries = self.log.entries(version.model)
        return bool(entries) and entries[-1].version == version.number and entries[-1].act is Act.APPROVE

    def _put_in_use(self, version: RegisteredVersion, approver: Approver) -> int | None:
        last = self._last_in_use(version.model)
        before = last.version if last else None
        if before is None:
            holder = self.registry.holder(version.model, Alias.APPROVED)
            before = holder.number if holder else None
        if before == version.number:
            before = None
        for other in self.registry.versions(version.model):
            if other.number == before:
                self.registry.set_alias(other, Alias.PREVIOUS)
        self.registry.set_alias(version, Alias.APPROVED)
        candidate = self.registry.holder(version.model, Alias.CANDIDATE)
        if candidate and candidate.number == version.number:
            self.registry.remove_alias(version.model, Alias.CANDIDATE)
        entry = self._add(Act.IN_USE, version, approver.name, approver.reason)
        self.registry.set_tags(
            version,
            {
                Tag.APPROVED_BY: approver.name,
                Tag.APPROVED_AT: entry.at.isoformat(timespec="seconds"),
                Tag.APPROVED_REASON: approver.reason,
                Tag.APPROVAL_ENTRY: entry.sha256,
            },
        )
        return before

    def _entry_in_use(self, version: RegisteredVersion) -> Entry:
        entry = self._last_in_use(version.model)
        if entry is None:
            raise RegistryError(f"{version.name} is not in use")
        return entry

    def _add(self, act: Act, version: RegisteredVersion, by: str, reason: str) -> Entry:
        return self.log.add(
            Entry(
                at=self.now(),
                act=act,
                model=version.model,
                version=version.number,
                release=version.tag(Tag.RELEASE),
                content=version.tag(Tag.CONTENT),
                by=by,
                reason=reason,
                account=getpass.getuser(),
            )
        )


def _check_words(approver: Approver) -> None:
    for name, words, longest in (
        ("name", approver.name, _LONGEST_NAME),
        ("reason", approver.reason, _LONGEST_REASON),
    ):
        if not words.strip() or len(words) > longest or not words.isprintable():
            raise ApprovalRefusedError(f"the {name} has to be of 1 to {longest} characters in one line")
    if _folded(approver.name) == _folded(MLFLOW_INTERFACE):
        raise ApprovalRefusedError(f"{MLFLOW_INTERFACE} is no person")


def _same(name: str, names: list[str]) -> bool:
    return _folded(name) in {_folded(one) for one in names if one}


def _folded(name: str) -> str:
    return " ".join(name.casefold().split())
