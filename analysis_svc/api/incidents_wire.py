"""Incidents over the wire."""

from datetime import datetime
from uuid import UUID

import msgspec

from analysis_svc.domain.insights.incidents import IncidentStatus, Resolution
from analysis_svc.domain.models import Level


class IncidentOut(msgspec.Struct, frozen=True):
    """Analyses of high or critical risk that belong together, and what was done about it.

    ``theme`` is the family of the label that weighs most; ``opened_at`` and ``last_at`` are times of
    analyses. ``put_aside``: those of its ``analyses`` of which a review has left no finding.
    """

    id: UUID
    application: str | None
    theme: str
    opened_at: datetime
    last_at: datetime
    level: Level
    worst_score: float
    analyses: int
    labels: list[str]
    status: IncidentStatus
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: Resolution | None
    put_aside: int


class IncidentPage(msgspec.Struct, frozen=True):
    """Incidents, the newest first; ``next_cursor`` is null on the last page."""

    items: list[IncidentOut]
    next_cursor: UUID | None


class SightingOut(msgspec.Struct, frozen=True):
    """One analysis of an incident."""

    evidence_id: UUID
    at: datetime
    score: float
    level: Level
    labels: list[str]


class IncidentDetailOut(msgspec.Struct, frozen=True):
    """An incident with its analyses in order of time, the first 500."""

    incident: IncidentOut
    timeline: list[SightingOut]


class IncidentSummaryOut(msgspec.Struct, frozen=True):
    """Incidents opened in the span. Times are seconds from the first analysis; null where none got so far.

    ``put_aside``: incidents all of whose analyses reviews have left without a finding; not in other figures.
    """

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    open: int
    acknowledged: int
    resolved: int
    mttr_s: float | None
    median_to_resolve_s: float | None
    mtta_s: float | None
    oldest_open_at: datetime | None
    by_level: dict[str, int]
    put_aside: int


class ResolveRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the incident ended."""

    resolution: Resolution
