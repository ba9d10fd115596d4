"""Plugins that do what a test says."""

import sys
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import cast

from mapper_svc.domain.findings import MapResult
from mapper_svc.domain.plugins import (
    MappedOutput,
    Remark,
    SeenFinding,
    SeenOutput,
)


class Reader:
    """A mapper that does what the test says."""

    name = "reader"
    detectors: Collection[str] = ("acme_scan",)
    notes: Mapping[str, str] = {"why": "Because."}

    def __init__(self, read: Callable[[SeenOutput], object]) -> None:
        self._read = read

    def read(self, seen: SeenOutput) -> MappedOutput | None:
        return cast("MappedOutput | None", self._read(seen))


class Checker:
    """A validator that does what the test says."""

    name = "checker"
    notes: Mapping[str, str] = {"why": "Because."}

    def __init__(self, check: Callable[[Sequence[SeenFinding]], object]) -> None:
        self._check = check

    def check(self, findings: Sequence[SeenFinding]) -> Sequence[Remark]:
        return cast("Sequence[Remark]", self._check(findings))


class Calls:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def plugin_call(self, plugin: str, outcome: str) -> None:
        self.seen.append((plugin, outcome))


def boom(_: object) -> object:
    raise ValueError("secret of a customer")


def leave(_: object) -> object:
    sys.exit(3)


def labels(result: MapResult) -> list[str]:
    return [finding.taxonomy[0] for finding in result.findings]
