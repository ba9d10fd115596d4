"""Incidents: analyses of high or critical risk that belong together.

They belong together when they are of one application, have one theme, and no more than four hours lie between
one and the next. The theme is the family of the label that weighs most in an analysis (severity * score *
confidence): ``SECRET.ApiKey`` is of ``SECRET``, ``HARM.VIOLENCE.Threat`` of ``HARM.VIOLENCE``. An incident
that was resolved grows no more; what comes after it is another one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID, uuid4

from analysis_svc.domain.catalogue import Taxonomy
from analysis_svc.domain.models import Level

GAP = timedelta(hours=4)
"""The longest quiet time within one incident."""
SERIOUS = (Level.HIGH, Level.CRITICAL)
"""Levels that open an incident."""
_LEVELS = tuple(Level)
MOST_LABELS = 32


class IncidentStatus(StrEnum):
    """How far somebody has taken care of an incident."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RESOLVED = "resolved"


class Resolution(StrEnum):
    """How an incident ended."""

    FIXED = "fixed"
    FALSE_POSITIVE = "false_positive"
    RISK_ACCEPTED = "risk_accepted"


@dataclass(frozen=True, slots=True)
class Sighting:
    """One analysis that takes part in an incident.

    Attributes:
        evidence_id: the analysis.
        at: when, UTC.
        application: as the caller named it.
        theme: family of the label that weighs most.
        score: its risk, 0 to 100.
        level: its level.
        labels: found in it, the weightiest first.
    """

    evidence_id: UUID
    at: datetime
    application: str | None
    theme: str
    score: float
    level: Level
    labels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Incident:
    """A group of analyses, and what was done about it.

    Attributes:
        id: names it in the tenant.
        application: all of it is of this one.
        theme: all of it is of this family of labels.
        opened_at: time of its first analysis, UTC.
        last_at: time of its last one, UTC.
        level: the worst of its levels.
        worst_score: the worst of its scores, 0 to 100.
        analyses: how many.
        labels: found in it, 32 at most, by name.
        status: how far it was taken care of.
        acknowledged_at: when somebody took it on.
        acknowledged_by: token id of that somebody.
        resolved_at: when it was ended.
        resolved_by: token id of who ended it.
        resolution: how.
        put_aside: analyses of which a review has left no finding; they are among `analyses`.
    """

    id: UUID
    application: str | None
    theme: str
    opened_at: datetime
    last_at: datetime
    level: Level
    worst_score: float
    analyses: int
    labels: tuple[str, ...]
    status: IncidentStatus = IncidentStatus.OPEN
    acknowledged_at: datetime | None = None
    acknowledged_by: str | None = None
    resolved_at: datetime | None = None
    resolved_by: str | None = None
    resolution: Resolution | None = None
    put_aside: int = 0


@dataclass(frozen=True, slots=True)
class Grouped:
    """What grouping came to: incidents as they are now, and which analysis is in which."""

    incidents: tuple[Incident, ...]
    members: tuple[tuple[UUID, Sighting], ...]


def family_of(label: str) -> str:
    """Return a label's name without its last part."""
    return label.rpartition(".")[0] or label


def labels_by_weight(found: Iterable[tuple[str, float, float]], taxonomy: Taxonomy) -> tuple[str, ...]:
    """Return the labels of (label, score, confidence), the weightiest first.

    A label that the edition in use no longer has weighs as if it were most severe.
    """
    weights: dict[str, float] = {}
    for label, score, confidence in found:
        known = taxonomy.labels.get(label)
        weight = (known.severity if known else 1.0) * score * confidence
        weights[label] = max(weight, weights.get(label, 0.0))
    return tuple(sorted(weights, key=lambda label: (-weights[label], label)))


def group(growing: Iterable[Incident], sightings: Sequence[Sighting]) -> Grouped:
    """Put each sighting into the incident it belongs to, or into one of its own.

    Args:
        growing: unresolved incidents that can still grow.
        sightings: in order of time.
    """
    latest: dict[tuple[str | None, str], Incident] = {}
    for incident in growing:
        key = (incident.application, incident.theme)
        if key not in latest or latest[key].last_at < incident.last_at:
            latest[key] = incident
    changed: dict[UUID, Incident] = {}
    members = []
    for sighting in sightings:
        key = (sighting.application, sighting.theme)
        current = latest.get(key)
        if current is None or _apart(current, sighting):
            grown = _opened(sighting)
        else:
            grown = _grown(current, sighting)
        latest[key] = changed[grown.id] = grown
        members.append((grown.id, sighting))
    return Grouped(tuple(changed.values()), tuple(members))


def _apart(incident: Incident, sighting: Sighting) -> bool:
    # What was kept late may lie before the incident; then its own quiet time counts the same way.
    return not incident.opened_at - GAP <= sighting.at <= incident.last_at + GAP


def _opened(sighting: Sighting) -> Incident:
    return Incident(
        id=uuid4(),
        application=sighting.application,
        theme=sighting.theme,
        opened_at=sighting.at,
        last_at=sighting.at,
        level=sighting.level,
        worst_score=sighting.score,
        analyses=1,
        labels=tuple(sorted(sighting.labels[:MOST_LABELS])),
    )


def _grown(incident: Incident, sighting: Sighting) -> Incident:
    labels = dict.fromkeys((*incident.labels, *sighting.labels))
    return replace(
        incident,
        opened_at=min(incident.opened_at, sighting.at),
        last_at=max(incident.last_at, sighting.at),
        level=max(incident.level, sighting.level, key=_LEVELS.index),
        worst_score=max(incident.worst_score, sighting.score),
        analyses=incident.analyses + 1,
        labels=tuple(sorted(list(labels)[:MOST_LABELS])),
    )
