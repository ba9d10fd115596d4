import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.lib.release.approval_log import ApprovalLog
from pipelines.lib.release.approve import Approvals
from pipelines.lib.release.content_hash import content_sha256
from pipelines.lib.release.registered_version import Alias, RegisteredVersion, Tag
from pipelines.lib.release.release_error import RegistryError

MODEL = "llama-mapper-tiny"


class Killed(BaseException):
    """What a kill -9 is to the code that it hits: nothing after it runs, nothing catches it."""


class FakeRegistry:
    """A registry in memory, whose release folders are on disk; it can be killed before its n-th change."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.tags: dict[int, dict[str, str]] = {}
        self.aliases: dict[str, int] = {}
        self.changes_left: int | None = None

    def register(
        self, *, gates: Mapping[str, bool] | None = None, tags: Mapping[str, str] | None = None
    ) -> RegisteredVersion:
        number = len(self.tags) + 1
        folder = self.root / str(number)
        folder.mkdir(parents=True)
        found = [{"name": name, "passed": passed} for name, passed in (gates or {"golden": True}).items()]
        (folder / "evaluation.json").write_text(json.dumps({"gates": found}))
        (folder / "weights").write_text(f"weights of {number}")
        own = {Tag.CONTENT.value: content_sha256(folder), Tag.RELEASE.value: f"release{number}"}
        self.tags[number] = {**own, **(tags or {})}
        self.aliases["candidate"] = number
        return self.version(number)

    def version(self, number: int) -> RegisteredVersion:
        aliases = tuple(sorted(name for name, holder in self.aliases.items() if holder == number))
        return RegisteredVersion(
            MODEL, number, datetime(2026, 11, number, tzinfo=UTC), aliases, self.tags[number]
        )

    def models(self) -> Sequence[str]:
        return [MODEL]

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        return [self.version(number) for number in sorted(self.tags, reverse=True)] if model == MODEL else []

    def holder(self, model: str, alias: Alias) -> RegisteredVersion | None:
        found = self.aliases.get(alias) if model == MODEL else None
        return None if found is None else self.version(found)

    def set_alias(self, version: RegisteredVersion, alias: Alias) -> None:
        self._changing()
        self.aliases[alias] = version.number

    def remove_alias(self, model: str, alias: Alias) -> None:
        assert model == MODEL
        self._changing()
        self.aliases.pop(alias, None)

    def set_tags(self, version: RegisteredVersion, tags: Mapping[Tag, str]) -> None:
        self._changing()
        self.tags[version.number] |= {name.value: value for name, value in tags.items()}

    def fetch(self, version: RegisteredVersion, target: Path) -> None:
        if version.number not in self.tags:
            raise RegistryError("no such version")
        shutil.copytree(self.root / str(version.number), target)

    def _changing(self) -> None:
        if self.changes_left is not None:
            if self.changes_left == 0:
                raise Killed
            self.changes_left -= 1


@pytest.fixture
def registry(tmp_path: Path) -> FakeRegistry:
    return FakeRegistry(tmp_path / "registry")


@pytest.fixture
def log(tmp_path: Path) -> ApprovalLog:
    return ApprovalLog(tmp_path / "approvals.jsonl")


@pytest.fixture
def approvals(registry: FakeRegistry, log: ApprovalLog) -> Callable[..., Approvals]:
    def make(*, four_eyes: bool = False) -> Approvals:
        return Approvals(registry, log, four_eyes)

    return make
