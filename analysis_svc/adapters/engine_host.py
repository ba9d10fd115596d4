"""Runs the installed engines over analysed requests, and lets none of them do harm."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, Protocol

import structlog

from analysis_svc.adapters.isolated_call import IsolatedCalls, PluginCallError, PluginFault
from analysis_svc.adapters.plugin_points import InstalledPlugin, Kind
from analysis_svc.domain.catalogue import Priority, Taxonomy
from analysis_svc.domain.models import Analysis, AnalysisRequest, Pattern
from analysis_svc.domain.plugins import (
    PATTERNS_MAX,
    Capabilities,
    EngineFindings,
    EnginePattern,
    EnginePlugin,
    EngineRequest,
    EngineResult,
    SeenFinding,
)

_log = structlog.get_logger("analysis_svc")
_ID = re.compile(r"[a-z0-9][a-z0-9_-]*")
_ID_MAX, _TITLE_MAX, _STATEMENT_MAX = 64, 80, 300


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
    version: str
    title: str


@dataclass(frozen=True, slots=True)
class _Running:
    name: str
    plugin: EnginePlugin
    capabilities: Capabilities
    call: IsolatedCalls


class EngineHost:
    """Implements the port `Engines`.

    Args:
        installed: what there is, models too, for the list.
        taxonomy: severities of labels.
        metrics: counts calls.
        limit_s: longest that one engine may take for one request or batch, in seconds.
    """

    def __init__(
        self,
        installed: Sequence[InstalledPlugin],
        taxonomy: Taxonomy,
        metrics: PluginMetrics,
        *,
        limit_s: float,
    ) -> None:
        self._installed = installed
        self._taxonomy = taxonomy
        self._metrics = metrics
        self._engines: dict[str, _Running] = {}
        for one in installed:
            if one.plugin is None or one.capabilities is None:
                _log.warning("plugin_unusable", kind=one.kind, plugin=one.name, why=one.why)
            elif one.kind == "engine" and isinstance(one.plugin, EnginePlugin):
                call = IsolatedCalls(one.name, limit_s=limit_s)
                self._engines[one.name] = _Running(one.name, one.plugin, one.capabilities, call)

    def states(self) -> list[PluginState]:
        """Tell every installed plugin and how it fares."""
        return [
            PluginState(
                kind=one.kind,
                name=one.name,
                distribution=one.distribution,
                status=self._status(one),
                why=one.why,
                version=one.capabilities.version if one.capabilities else "",
                title=one.capabilities.title if one.capabilities else "",
            )
            for one in self._installed
        ]

    async def run(self, analysed: Sequence[tuple[AnalysisRequest, Analysis]]) -> list[EngineFindings]:
        """Return what the engines add to each; one that fails is told and adds nothing."""
        patterns: list[list[Pattern]] = [[] for _ in analysed]
        failed: list[dict[str, str]] = [{} for _ in analysed]
        for engine in self._engines.values():
            wanted = engine.capabilities.labels
            asked = [
                place
                for place, (request, _) in enumerate(analysed)
                # A pattern stands on findings: where there are none there is nothing to ask.
                if any(not wanted or finding.label in wanted for finding in request.findings)
            ]
            if not asked:
                continue
            seen = [self._seen(*analysed[place]) for place in asked]
            try:
                found = await engine.call(partial(_ask, engine, seen))
            except PluginCallError as error:
                self._metrics.plugin_call(engine.name, error.fault.value)
                _log.warning("plugin_call_failed", plugin=engine.name, fault=error.fault.value)
                for place in asked:
                    failed[place][engine.name] = error.fault.value
                continue
            self._metrics.plugin_call(engine.name, "ok")
            for place, its in zip(asked, found, strict=True):
                patterns[place].extend(its)
        return [EngineFindings(tuple(found), faults) for found, faults in zip(patterns, failed, strict=True)]

    def _status(self, one: InstalledPlugin) -> Literal["active", "suspended", "unusable"]:
        if one.plugin is None:
            return "unusable"
        engine = self._engines.get(one.name) if one.kind == "engine" else None
        return "suspended" if engine and engine.call.suspended else "active"

    def _seen(self, request: AnalysisRequest, analysis: Analysis) -> EngineRequest:
        context = request.context
        return EngineRequest(
            findings=tuple(
                SeenFinding(
                    id=finding.id,
                    label=finding.label,
                    severity=self._taxonomy.labels[finding.label].severity,
                    score=finding.score,
                    confidence=finding.confidence,
                    detector=finding.detector,
                    occurrences=finding.occurrences,
                )
                for finding in request.findings
            ),
            application=context.application,
            required=context.detectors_required,
            succeeded=context.detectors_succeeded,
            failed={failure.detector: failure.status for failure in context.detectors_failed},
            score=analysis.risk.score,
            level=analysis.risk.level,
        )


def _ask(engine: _Running, seen: Sequence[EngineRequest]) -> list[list[Pattern]]:
    """Ask an engine, in its own thread, and check all that it says there too."""
    return [_checked(engine, request, engine.plugin.analyze(request)) for request in seen]


def _checked(engine: _Running, request: EngineRequest, result: object) -> list[Pattern]:
    labels = {finding.id: finding.label for finding in request.findings}
    if not isinstance(result, EngineResult) or len(result.patterns) > PATTERNS_MAX:
        raise PluginCallError(PluginFault.BAD_ANSWER)
    return [_pattern(engine.name, found, labels) for found in result.patterns]


def _pattern(engine: str, found: object, labels: Mapping[str, str]) -> Pattern:
    if not isinstance(found, EnginePattern):
        raise PluginCallError(PluginFault.BAD_ANSWER)
    # What is declared and what is there are two things in another package's code.
    ids: object = found.findings
    priority: object = found.priority
    if (
        not _is_text(found.id, _ID_MAX)
        or not _ID.fullmatch(found.id)
        or not _is_text(found.title, _TITLE_MAX)
        or not _is_text(found.statement, _STATEMENT_MAX)
        or not isinstance(priority, Priority)
        or not isinstance(ids, tuple)
        or not ids
        or not all(isinstance(one, str) and one in labels for one in ids)
    ):
        raise PluginCallError(PluginFault.BAD_ANSWER)
    names = sorted(set(ids))
    return Pattern(
        id=f"{engine}/{found.id}",
        title=found.title,
        statement=found.statement,
        priority=priority,
        labels=tuple(sorted({labels[one] for one in names})),
        findings=tuple(names),
    )


def _is_text(value: object, most: int) -> bool:
    return isinstance(value, str) and 0 < len(value) <= most and value.isprintable()
