"""The use cases of the evidence rules: read them, set them."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.catalogue import Catalogue, Control
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_rules import ChosenRules, EvidenceRule, RuleBook, bearing_on
from analysis_svc.domain.framework_ports import Catalogues

VERSIONS_MAX = 10_000
"""Most versions of one tenant's rules."""


@dataclass(frozen=True, slots=True)
class RulesVersion:
    """One version of a tenant's rules; versions are never changed, a change is a new one.

    Attributes:
        version: counted from 1; 0 stands for a tenant that never set any.
        chosen: what it set.
        changed_at: when, UTC; None for version 0.
        changed_by: token id of who set it; None for version 0.
    """

    version: int = 0
    chosen: ChosenRules = field(default_factory=ChosenRules)
    changed_at: datetime | None = None
    changed_by: str | None = None


class RulesStore(Protocol):
    """Keeps every version of every tenant's rules. Each call raises StorageUnavailableError."""

    async def latest(self, tenant_id: UUID) -> RulesVersion:
        """Return the version that holds; version 0 when there is none."""
        ...

    async def append(self, tenant_id: UUID, chosen: ChosenRules, *, after: int, actor: str) -> RulesVersion:
        """Add the version behind ``after`` and its audit event, both or neither.

        Raises:
            ServiceError: CONFLICT when ``after`` is not the latest version.
        """
        ...


class ChangeEvidenceRules:
    """Reads and changes the rules of the caller's tenant."""

    def __init__(self, store: RulesStore, book: RuleBook, catalogues: Catalogues) -> None:
        self._store = store
        self._book = book
        self._catalogues = catalogues

    def book(self, chosen: ChosenRules) -> RuleBook:
        """Return every rule that holds for a tenant that set this."""
        return self._book.with_chosen(chosen)

    async def rules(self, tenant_id: UUID, chosen: ChosenRules) -> list[tuple[Control, EvidenceRule]]:
        """Return each control that has a rule for a tenant that set this."""
        book, catalogue = self.book(chosen), await self._catalogues.of(tenant_id)
        bearing = bearing_on(catalogue)
        found = []
        for framework in catalogue.frameworks.values():
            for control in framework.controls.values():
                rule = book.rule_of(control, bearing.get((framework.id, control.id), ()))
                if rule is not None:
                    found.append((control, rule))
        return found

    async def latest(self, tenant_id: UUID) -> RulesVersion:
        """Return the version that holds, version 0 for a tenant that never set any."""
        return await self._store.latest(tenant_id)

    async def put(self, caller: Principal, chosen: ChosenRules, *, after: int) -> RulesVersion:
        """Set everything anew.

        Raises:
            ServiceError: INVALID_REQUEST naming field and limit; CONFLICT when somebody else was faster.
        """
        if after >= VERSIONS_MAX:
            raise ServiceError(
                ErrorCode.CONFLICT, f"a tenant's rules can be changed {VERSIONS_MAX} times", field="If-Match"
            )
        self._check(chosen, await self._catalogues.of(caller.tenant_id))
        return await self._store.append(caller.tenant_id, chosen, after=after, actor=caller.token_id)

    def _check(self, chosen: ChosenRules, catalogue: Catalogue) -> None:
        for name in chosen.detectors:
            if name not in self._book.senses:
                raise _refused(
                    "detectors", f"there is no such sense; there are {', '.join(self._book.senses)}"
                )
        index = bearing_on(catalogue)
        for number, ((framework, control), change) in enumerate(chosen.rules.items()):
            where = f"rules[{number}]"
            known = catalogue.frameworks.get(framework)
            if known is None:
                raise _refused(f"{where}.framework", "there is no framework of this id")
            if control not in known.controls:
                raise _refused(f"{where}.control", f"there is no such control in {framework}")
            if unknown := [name for name in change.senses or () if name not in self._book.senses]:
                which = (change.senses or ()).index(unknown[0])
                there = ", ".join(self._book.senses)
                raise _refused(f"{where}.senses[{which}]", f"there is no such sense; there are {there}")
            bearing = index.get((framework, control), ())
            if self._book.rule_of(known.controls[control], bearing) is None:
                for name in ("senses", "why"):
                    if getattr(change, name) is None:
                        raise _refused(f"{where}.{name}", "is needed where no rule is shipped")


def _refused(where: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=where)
