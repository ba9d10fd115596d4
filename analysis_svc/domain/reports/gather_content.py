"""Gathers what a report may say from those who know it."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from uuid import UUID

from analysis_svc.domain.control_status import ControlStatus, FrameworkStatus
from analysis_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.evidence_rules import EvidenceRule
from analysis_svc.domain.insights.handle_incidents import Incidents
from analysis_svc.domain.insights.incidents import Incident
from analysis_svc.domain.insights.pattern_models import Found, Subject, TimePattern
from analysis_svc.domain.insights.patterns_over_time import MOST_DAYS, PatternsOverTime
from analysis_svc.domain.insights.risk_history import RiskFigures, RiskHistory
from analysis_svc.domain.insights.span import Bucket, Span
from analysis_svc.domain.reports.content import (
    ControlFacts,
    IncidentFacts,
    IncidentTotals,
    PatternFacts,
    ReportContent,
    RiskPoint,
    Versions,
)
from analysis_svc.domain.reports.ports import ControlSource, StoredSource
from analysis_svc.domain.reports.report import ReportOrder
from analysis_svc.domain.reports.words import moment

MOST_INCIDENTS = 500
MOST_PATTERNS = 50
MOST_UNTESTED = 12
# More points than this make no readable chart.
_MOST_DAYS = 62


class GatherContent:
    """Asks each source for its part; all of them look at the same tenant and the same period."""

    def __init__(
        self,
        stored: StoredSource,
        controls: ControlSource,
        history: RiskHistory,
        incidents: Incidents,
        patterns: PatternsOverTime,
    ) -> None:
        self._stored = stored
        self._controls = controls
        self._history = history
        self._incidents = incidents
        self._patterns = patterns

    async def __call__(self, tenant_id: UUID, order: ReportOrder) -> ReportContent:
        """Return the content.

        Raises:
            ServiceError: NOT_FOUND when there is no such framework any more; SERVICE_UNAVAILABLE when the
                database is away.
        """
        period = Period(order.start, order.end, order.application)
        judged = await self._controls.status(tenant_id, order.framework, period)
        span = Span(order.start, order.end, order.application)
        bucket = Bucket.DAY if order.end - order.start <= timedelta(days=_MOST_DAYS) else Bucket.WEEK
        history = await self._history.over(tenant_id, span, bucket)
        ungrouped = await self._incidents.ungrouped(tenant_id, span)
        totals = await self._incidents.summary(tenant_id, span)
        opened = await self._incidents.page(tenant_id, span, limit=MOST_INCIDENTS)
        patterns, untested = await self._patterns_of(tenant_id, order)
        return ReportContent(
            framework=order.framework,
            framework_title=judged.title,
            edition=judged.edition,
            start=order.start,
            end=order.end,
            application=order.application,
            evidence_rules=f"shipped, with version {judged.rules_version} of the tenant's own"
            if judged.rules_version
            else "shipped",
            stored=await self._stored.facts(tenant_id, order),
            bucket=bucket.value,
            points=tuple(_point(one.start, one.figures) for one in history.points),
            whole=_point(order.start, history.total),
            versions=_versions(judged),
            controls=tuple(_control(one) for one in judged.controls),
            incidents=tuple(_incident(one) for one in opened),
            incident_totals=IncidentTotals(
                opened=totals.open + totals.acknowledged + totals.resolved,
                still_open=totals.open + totals.acknowledged,
                resolved=totals.resolved,
                mean_time_to_acknowledge=_seconds(totals.mtta_s),
                mean_time_to_resolve=_seconds(totals.mttr_s),
                ungrouped=ungrouped.analyses,
                ungrouped_from=ungrouped.first_at,
                ungrouped_to=ungrouped.last_at,
            ),
            patterns=patterns,
            untested=untested,
            put_aside=len(judged.aside),
        )

    async def _patterns_of(
        self, tenant_id: UUID, order: ReportOrder
    ) -> tuple[tuple[PatternFacts, ...], tuple[str, ...]]:
        """Return patterns, and what was not looked for; none for want of time leave the report as it is."""
        # No more days than patterns are looked for in; the newest of them.
        newest = max(order.start, order.end - timedelta(days=MOST_DAYS[Bucket.DAY]))
        looked_in = Span(newest, order.end, order.application)
        try:
            found = await self._patterns.find(tenant_id, looked_in, Bucket.DAY)
        except StorageUnavailableError:
            raise  # the rest of the report needs the database too
        except ServiceError as error:
            if error.code is not ErrorCode.SERVICE_UNAVAILABLE:
                raise
            return (), (f"Any pattern: {error.detail}.",)
        return tuple(_pattern(one) for one in found.patterns[:MOST_PATTERNS]), _untested(found, order)


def _versions(judged: FrameworkStatus) -> Versions:
    """Collect what any analysis of the period says that it was made with."""
    stated = [one.stated or {} for one in judged.versions]
    detectors = [item for one in stated for item in _mapping(one.get("detectors")).items()]
    return Versions(
        taxonomies=_distinct(one.taxonomy for one in judged.versions),
        models=_distinct(one.get("model") for one in stated),
        policies=_distinct(_with_version(one.get("policy"), one.get("policy_version")) for one in stated),
        detectors=_distinct(_with_version(name, version) for name, version in detectors),
    )


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _with_version(name: object, version: object) -> object:
    return f"{name} {version}" if name and version else name


def _distinct(values: Iterable[object]) -> tuple[str, ...]:
    return tuple(sorted({str(value) for value in values if value}))


def _control(one: ControlStatus) -> ControlFacts:
    return ControlFacts(
        control=one.control.id,
        title=one.control.title,
        state=one.state,
        rule=None if one.rule is None else _rule(one.rule),
        gaps=tuple(_sentence(gap.message) for gap in one.gaps),
        analyses=one.analyses,
        looked=one.looked,
        coverage=one.coverage if one.analyses and one.rule else None,
        violations=one.violations,
        last_violation_at=one.last_violation_at,
        evidence=tuple(str(evidence) for evidence in one.evidence),
    )


def _rule(rule: EvidenceRule) -> str:
    limits = rule.limits
    return (
        f"{' and '.join(rule.senses)} looked for at least every {limits.every_hours:g} hours over"
        f" {limits.period_days} days, in {limits.coverage:.0%} of the analyses and in no fewer than"
        f" {limits.analyses:,}. {_sentence(rule.why)} ({rule.source.value})"
    )


def _sentence(words: str) -> str:
    """Return words as a sentence: a capital first, a full stop last."""
    whole = words[:1].upper() + words[1:]
    return whole if whole.endswith((".", "!", "?")) else f"{whole}."


def _point(start: datetime, figures: RiskFigures) -> RiskPoint:
    return RiskPoint(
        start=start,
        analyses=figures.analyses,
        score=figures.score,
        low=figures.low,
        high=figures.high,
        levels={level.value: count for level, count in figures.levels.items()},
    )


def _incident(one: Incident) -> IncidentFacts:
    where = f" in {one.application}" if one.application else ""
    return IncidentFacts(
        incident_id=str(one.id),
        title=f"{one.theme}{where}",
        level=one.level.value,
        opened_at=one.opened_at,
        acknowledged_at=one.acknowledged_at,
        resolved_at=one.resolved_at,
        resolution=None if one.resolution is None else one.resolution.value,
        analyses=one.analyses,
    )


def _pattern(one: TimePattern) -> PatternFacts:
    support = one.support
    return PatternFacts(
        kind=one.kind.value.replace("_", " "),
        subject=" and ".join(subject.phrase for subject in one.subjects),
        statement=one.statement,
        support=f"{support.test}, q = {support.q_value:.2g}, {support.effect_kind.replace('_', ' ')}"
        f" {support.effect:.3g}, n = {support.n:,}",
    )


def _untested(found: Found, order: ReportOrder) -> tuple[str, ...]:
    """Say what was not looked for; only the newest part of much data is looked at."""
    late = []
    if found.span.start > order.start and found.analyses:
        late.append(f"Anything before {moment(found.span.start)}: only the newest analyses are looked at.")
    said = [
        f"{one.kind.value.replace('_', ' ').capitalize()}{_of(one.subject)}:"
        f" needs {one.needed}; there is {one.had}."
        for one in found.too_little
    ]
    return (*late, *said[:MOST_UNTESTED])


def _seconds(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)


def _of(subject: Subject | None) -> str:
    return f" of {subject.phrase}" if subject else ""
