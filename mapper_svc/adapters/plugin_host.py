"""Runs the installed plugins over outputs and findings, and lets none of them do harm."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Generic, Literal, Protocol, TypeVar

import structlog

from mapper_svc.adapters.isolated_call import IsolatedCalls, PluginCallError
from mapper_svc.adapters.plugin_answers import check_with, read_with
from mapper_svc.adapters.plugin_points import InstalledPlugin, Kind
from mapper_svc.domain.apply_remarks import SpelledRemark, apply_remarks
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.findings import Finding, MapResult
from mapper_svc.domain.label_key import label_key
from mapper_svc.domain.plugins import (
    MapperPlugin,
    PluginReading,
    SeenFinding,
    SeenOutput,
    ValidatorPlugin,
)

_log = structlog.get_logger("mapper_svc")
P = TypeVar("P", MapperPlugin, ValidatorPlugin)
R = TypeVar("R")


class PluginMetrics(Protocol):
    """Counts calls of plugins."""

    def plugin_call(self, plugin: str, outcome: str) -> None:
        """``outcome`` is ``ok`` or a fault."""
        ...


@dataclass(frozen=True, slots=True)
class PluginState:
    """What an operator sees of a plugin."""

    kind: Kind
    name: str
    distribution: str
    status: Literal["active", "suspended", "unusable"]
    why: str
    detectors: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Running(Generic[P]):
    plugin: P
    call: IsolatedCalls
    wanted: frozenset[str] = frozenset()


class PluginHost:
    """Implements the port `Plugins`.

    Args:
        installed: what there is.
        catalogue: labels and vendors.
        metrics: counts calls.
        limit_s: longest that one plugin may take for one request, in seconds.
    """

    def __init__(
        self,
        installed: Sequence[InstalledPlugin],
        catalogue: Catalogue,
        metrics: PluginMetrics,
        *,
        limit_s: float,
    ) -> None:
        self._installed = installed
        self._catalogue = catalogue
        self._metrics = metrics
        self._mappers: list[_Running[MapperPlugin]] = []
        self._validators: list[_Running[ValidatorPlugin]] = []
        self._calls: dict[tuple[Kind, str], IsolatedCalls] = {}
        self.failures = 0
        """How many calls have failed or were left out so far."""
        for one in installed:
            if one.plugin is None:
                _log.warning("plugin_unusable", kind=one.kind, plugin=one.name, why=one.why)
                continue
            call = self._calls[one.kind, one.name] = IsolatedCalls(one.name, limit_s=limit_s)
            if one.kind == "mapper" and isinstance(one.plugin, MapperPlugin):
                wanted = frozenset(label_key(name) for name in one.plugin.detectors)
                self._mappers.append(_Running(one.plugin, call, wanted))
            elif isinstance(one.plugin, ValidatorPlugin):
                self._validators.append(_Running(one.plugin, call))
        self._pillars = {
            vendor.id: frozenset(
                label.pillar
                for rule in vendor.labels.values()
                if (label := catalogue.taxonomy.labels[rule.to]).pillar != "OTHER"
            )
            for vendor in catalogue.vendors.values()
        }

    def states(self) -> list[PluginState]:
        """Tell every installed plugin and how it fares."""
        return [
            PluginState(
                kind=one.kind,
                name=one.name,
                distribution=one.distribution,
                status="unusable" if one.plugin is None else self._status(one),
                why=one.why,
                detectors=tuple(one.plugin.detectors) if isinstance(one.plugin, MapperPlugin) else (),
            )
            for one in self._installed
        ]

    async def read(self, outputs: Sequence[SeenOutput]) -> Sequence[PluginReading | None]:
        """Ask mappers about the outputs that they want to see; the first that answers has the say."""
        readings: list[PluginReading | None] = [None] * len(outputs)
        for mapper in self._mappers:
            asked = [
                index
                for index, output in enumerate(outputs)
                if not mapper.wanted.isdisjoint(_names(output)) and not _is_read(readings[index])
            ]
            if not asked:
                continue
            seen = [outputs[index] for index in asked]
            found = await self._call(
                mapper, partial(read_with, mapper.plugin, seen, self._catalogue.taxonomy)
            )
            for index, output in zip(asked, [None] * len(asked) if found is None else found, strict=True):
                if found is None or output is not None:
                    readings[index] = PluginReading(mapper.plugin.name, output)
        return readings

    async def check(self, results: Sequence[MapResult]) -> list[MapResult]:
        """Have every validator look at every result; a validator that fails is said on every finding."""
        if not self._validators:
            return list(results)
        seen = [[self._seen(finding) for finding in result.findings] for result in results]
        remarks: list[dict[int, list[SpelledRemark]]] = [{} for _ in results]
        failed: list[str] = []
        for validator in self._validators:
            said = await self._call(validator, partial(check_with, validator.plugin, seen))
            if said is None:
                failed.append(f"Not checked by {validator.plugin.name}, which failed.")
                continue
            for of_result, spelled in zip(remarks, said, strict=True):
                for index, action, note in spelled:
                    of_result.setdefault(index, []).append(SpelledRemark(action, note))
        return [
            apply_remarks(result, of_result, failed)
            for result, of_result in zip(results, remarks, strict=True)
        ]

    def _status(self, one: InstalledPlugin) -> Literal["active", "suspended"]:
        return "suspended" if self._calls[one.kind, one.name].suspended else "active"

    async def _call(self, running: _Running[P], work: Callable[[], R]) -> R | None:
        try:
            answer = await running.call(work)
        except PluginCallError as error:
            self.failures += 1
            self._metrics.plugin_call(running.plugin.name, error.fault.value)
            _log.warning("plugin_call_failed", plugin=running.plugin.name, fault=error.fault.value)
            return None
        self._metrics.plugin_call(running.plugin.name, "ok")
        return answer

    def _seen(self, finding: Finding) -> SeenFinding:
        (label,) = finding.taxonomy
        vendor = finding.provenance.vendor
        return SeenFinding(
            label=label,
            severity=self._catalogue.taxonomy.labels[label].severity,
            score=finding.scores[label],
            confidence=finding.confidence,
            tier=finding.tier,
            detector=finding.raw.detector,
            vendor=vendor,
            vendor_pillars=frozenset() if vendor is None else self._pillars.get(vendor, frozenset()),
            raw=finding.raw.label,
            occurrences=finding.occurrences,
        )


def _names(output: SeenOutput) -> tuple[str, ...]:
    names = (output.detector,) if output.vendor is None else (output.detector, output.vendor)
    return tuple(map(label_key, names))


def _is_read(reading: PluginReading | None) -> bool:
    return reading is not None and reading.output is not None
