"""Incidents as rows."""

from typing import Any
from uuid import UUID

from sqlalchemy import Row
from sqlalchemy.dialects.postgresql import Insert, insert

from analysis_svc.adapters.insights.tables import incidents
from analysis_svc.domain.insights.incidents import MOST_LABELS, Incident, IncidentStatus, Resolution, Sighting
from analysis_svc.domain.models import Level

_GROWS = ("opened_at", "last_at", "level", "worst_score", "analyses", "labels")


def incident_row(tenant_id: UUID, incident: Incident) -> dict[str, Any]:
    """Return the row of an incident as grouping left it; what people did about it is not in it."""
    return {
        "tenant_id": tenant_id,
        "id": incident.id,
        "application": incident.application,
        "theme": incident.theme,
        "opened_at": incident.opened_at,
        "last_at": incident.last_at,
        "level": incident.level.value,
        "worst_score": incident.worst_score,
        "analyses": incident.analyses,
        "labels": list(incident.labels),
        "status": incident.status.value,
    }


def upsert_incidents() -> Insert:
    """Return the statement that inserts new incidents and lets those that are there grow."""
    added = insert(incidents)
    grown = {name: added.excluded[name] for name in _GROWS}
    return added.on_conflict_do_update(index_elements=["tenant_id", "id"], set_=grown)


def evidence_row(tenant_id: UUID, incident_id: UUID, sighting: Sighting) -> dict[str, Any]:
    """Return the row that puts an analysis into an incident."""
    return {
        "tenant_id": tenant_id,
        "analysis_id": sighting.evidence_id,
        "incident_id": incident_id,
        "at": sighting.at,
        "risk_score": sighting.score,
        "level": sighting.level.value,
        "labels": list(sighting.labels[:MOST_LABELS]),
    }


def incident_of(row: Row[Any], put_aside: int = 0) -> Incident:
    """Read an incident, of which so many analyses have no finding left."""
    return Incident(
        id=row.id,
        application=row.application,
        theme=row.theme,
        opened_at=row.opened_at,
        last_at=row.last_at,
        level=Level(row.level),
        worst_score=row.worst_score,
        analyses=row.analyses,
        labels=tuple(row.labels),
        status=IncidentStatus(row.status),
        acknowledged_at=row.acknowledged_at,
        acknowledged_by=row.acknowledged_by,
        resolved_at=row.resolved_at,
        resolved_by=row.resolved_by,
        resolution=Resolution(row.resolution) if row.resolution else None,
        put_aside=put_aside,
    )


def sighting_of(row: Row[Any], incident: Incident) -> Sighting:
    """Read an analysis of an incident's timeline."""
    return Sighting(
        evidence_id=row.analysis_id,
        at=row.at,
        application=incident.application,
        theme=incident.theme,
        score=row.risk_score,
        level=Level(row.level),
        labels=tuple(row.labels),
    )
