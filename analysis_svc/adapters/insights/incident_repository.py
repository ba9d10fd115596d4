"""Incidents in Postgres."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, literal, select, tuple_, update
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.audit_repository import append_event
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.incident_rows import (
    evidence_row,
    incident_of,
    incident_row,
    sighting_of,
    upsert_incidents,
)
from analysis_svc.adapters.insights.put_aside import put_aside_of, wholly_put_aside
from analysis_svc.adapters.insights.risk_facts import in_span
from analysis_svc.adapters.insights.tables import incident_evidence, incidents
from analysis_svc.adapters.tables import analyses, findings
from analysis_svc.domain.catalogue import Taxonomy
from analysis_svc.domain.insights.handle_incidents import IncidentDetail, IncidentSummary, Ungrouped
from analysis_svc.domain.insights.incidents import (
    GAP,
    SERIOUS,
    Incident,
    IncidentStatus,
    Resolution,
    Sighting,
    family_of,
    group,
    labels_by_weight,
)
from analysis_svc.domain.insights.span import Span
from analysis_svc.domain.models import Level

# Analyses grouped in one transaction, and how many transactions one reading waits for.
_AT_ONCE = 1_000
_TURNS = 5
_NOT_ENDED = incidents.c.status != IncidentStatus.RESOLVED.value


class IncidentRepository:
    """Keeps incidents; one transaction for each call, and one for each thousand analyses that are grouped.

    Args:
        database: of the service.
        taxonomy: whose severities weigh the labels.
        opened: told the level of each incident that is new, once it is kept.
    """

    def __init__(self, database: Database, taxonomy: Taxonomy, opened: Callable[[str], None]) -> None:
        self._database = database
        self._taxonomy = taxonomy
        self._opened = opened

    async def catch_up(self, tenant_id: UUID, *, since: datetime) -> bool:
        """Group serious analyses since then that are in no incident yet, five thousand at most.

        Returns:
            Whether none is left; False also when somebody else is at it.
        """
        for _ in range(_TURNS):
            new: list[Incident] = []
            async with self._database.tenant(tenant_id) as connection:
                if not await _alone(connection, tenant_id):
                    return False
                sightings = await self._new_sightings(connection, since)
                if sightings:
                    new = await _group(connection, tenant_id, sightings)
            for incident in new:
                self._opened(incident.level.value)
            if len(sightings) < _AT_ONCE:
                return True
        return False

    async def ungrouped(self, tenant_id: UUID, span: Span) -> Ungrouped:
        """Count serious analyses of the span that are in no incident."""
        query = select(
            func.count().label("number"),
            func.min(analyses.c.analysed_at).label("first"),
            func.max(analyses.c.analysed_at).label("last"),
        ).where(*in_span(span), *_serious_and_in_none())
        async with self._database.tenant(tenant_id) as connection:
            row = (await connection.execute(query)).one()
        return Ungrouped(row.number, row.first, row.last)

    async def page(
        self, tenant_id: UUID, span: Span, *, status: IncidentStatus | None, after: UUID | None, limit: int
    ) -> Sequence[Incident]:
        """Return incidents that were opened in the span, the newest first, behind the one of that id."""
        query = (
            select(incidents)
            .where(*_opened_in(span))
            .order_by(incidents.c.opened_at.desc(), incidents.c.id.desc())
            .limit(limit)
        )
        if status is not None:
            query = query.where(incidents.c.status == status.value)
        if after is not None:
            last = incidents.alias("last")
            query = query.where(
                tuple_(incidents.c.opened_at, incidents.c.id)
                < select(last.c.opened_at, last.c.id).where(last.c.id == after).scalar_subquery()
            )
        async with self._database.tenant(tenant_id) as connection:
            rows = (await connection.execute(query)).all()
            aside = await put_aside_of(connection, [row.id for row in rows])
        return [incident_of(row, aside.get(row.id, 0)) for row in rows]

    async def one(self, tenant_id: UUID, incident_id: UUID, *, timeline: int) -> IncidentDetail | None:
        """Return one with its first analyses."""
        query = (
            select(incident_evidence)
            .where(incident_evidence.c.incident_id == incident_id)
            .order_by(incident_evidence.c.at, incident_evidence.c.analysis_id)
            .limit(timeline)
        )
        async with self._database.tenant(tenant_id) as connection:
            found = await connection.execute(select(incidents).where(incidents.c.id == incident_id))
            row = found.one_or_none()
            if row is None:
                return None
            aside = await put_aside_of(connection, [row.id])
            incident = incident_of(row, aside.get(row.id, 0))
            seen = await connection.execute(query)
            return IncidentDetail(incident, tuple(sighting_of(one, incident) for one in seen))

    async def summary(self, tenant_id: UUID, span: Span) -> IncidentSummary:
        """Return counts and times of those that were opened in the span."""

        def seconds(name: str) -> Any:  # noqa: ANN401 - an SQL expression
            return func.extract("epoch", incidents.c[name] - incidents.c.opened_at)

        def how_many(column: str, value: str) -> Any:  # noqa: ANN401 - an SQL expression
            return func.count().filter(incidents.c[column] == value).label(f"{column}_{value}")

        query = select(
            *(how_many("status", status.value) for status in IncidentStatus),
            *(how_many("level", level.value) for level in SERIOUS),
            func.avg(seconds("resolved_at")).label("mttr"),
            func.percentile_cont(0.5).within_group(seconds("resolved_at")).label("median"),
            func.avg(seconds("acknowledged_at")).label("mtta"),
            func.min(incidents.c.opened_at).filter(_NOT_ENDED).label("oldest"),
        ).where(*_opened_in(span))
        async with self._database.tenant(tenant_id) as connection:
            aside = await wholly_put_aside(connection, span)
            if aside:
                # One parameter, however many they are.
                theirs = literal(aside, ARRAY(incidents.c.id.type))
                query = query.where(incidents.c.id != func.all(theirs))
            row = (await connection.execute(query)).one()
        return IncidentSummary(
            open=row.status_open,
            acknowledged=row.status_acknowledged,
            resolved=row.status_resolved,
            mttr_s=_rounded(row.mttr),
            median_to_resolve_s=_rounded(row.median),
            mtta_s=_rounded(row.mtta),
            oldest_open_at=row.oldest,
            by_level={level.value: getattr(row, f"level_{level.value}") for level in SERIOUS},
            put_aside=len(aside),
        )

    async def acknowledge(
        self, tenant_id: UUID, incident_id: UUID, *, actor: str, at: datetime
    ) -> Incident | None:
        """Take an open one on, with its audit event; None when there is none of that id that is open."""
        is_open = incidents.c.status == IncidentStatus.OPEN.value
        values = {"acknowledged_at": at, "acknowledged_by": actor}
        return await self._act(tenant_id, incident_id, is_open, IncidentStatus.ACKNOWLEDGED, actor, values)

    async def resolve(
        self, tenant_id: UUID, incident_id: UUID, *, actor: str, at: datetime, resolution: Resolution
    ) -> Incident | None:
        """End one that is not ended, with its audit event; None when there is none such."""
        values = {"resolved_at": at, "resolved_by": actor, "resolution": resolution.value}
        return await self._act(tenant_id, incident_id, _NOT_ENDED, IncidentStatus.RESOLVED, actor, values)

    async def _act(
        self,
        tenant_id: UUID,
        incident_id: UUID,
        allowed: Any,  # noqa: ANN401 - an SQL condition
        status: IncidentStatus,
        actor: str,
        values: Mapping[str, Any],
    ) -> Incident | None:
        change = update(incidents).where(incidents.c.id == incident_id, allowed)
        async with self._database.tenant(tenant_id) as connection:
            done = await connection.execute(
                change.values(status=status.value, **values).returning(*incidents.c)
            )
            row = done.one_or_none()
            if row is None:
                return None
            await append_event(
                connection,
                tenant_id=tenant_id,
                actor=actor,
                action=f"incident.{status.value}",
                subject=str(incident_id),
                detail={"resolution": row.resolution} if row.resolution else {},
            )
            aside = await put_aside_of(connection, [row.id])
            return incident_of(row, aside.get(row.id, 0))

    async def _new_sightings(self, connection: AsyncConnection, since: datetime) -> list[Sighting]:
        query = (
            select(
                analyses.c.id,
                analyses.c.analysed_at,
                analyses.c.application,
                analyses.c.risk_score,
                analyses.c.level,
            )
            .where(analyses.c.analysed_at >= since, *_serious_and_in_none())
            .order_by(analyses.c.analysed_at, analyses.c.id)
            .limit(_AT_ONCE)
        )
        rows = (await connection.execute(query)).all()
        found: dict[UUID, list[tuple[str, float, float]]] = {row.id: [] for row in rows}
        theirs = select(findings.c.analysis_id, findings.c.label, findings.c.score, findings.c.confidence)
        for one in await connection.execute(theirs.where(findings.c.analysis_id.in_(list(found)))):
            found[one.analysis_id].append((one.label, one.score, one.confidence))
        sightings = []
        for row in rows:
            labels = labels_by_weight(found[row.id], self._taxonomy)
            sightings.append(
                Sighting(
                    evidence_id=row.id,
                    at=row.analysed_at,
                    application=row.application,
                    theme=family_of(labels[0]) if labels else "unknown",
                    score=row.risk_score,
                    level=Level(row.level),
                    labels=labels,
                )
            )
        return sightings


async def _alone(connection: AsyncConnection, tenant_id: UUID) -> bool:
    """Whether nobody else groups the tenant's analyses; holds until the transaction ends."""
    key = func.hashtextextended(f"analysis incidents {tenant_id}", 0)
    return bool((await connection.execute(select(func.pg_try_advisory_xact_lock(key)))).scalar_one())


async def _group(
    connection: AsyncConnection, tenant_id: UUID, sightings: Sequence[Sighting]
) -> list[Incident]:
    """Keep what grouping comes to; returns the incidents that it opened."""
    can_grow = select(incidents).where(_NOT_ENDED, incidents.c.last_at >= sightings[0].at - GAP)
    growing = [incident_of(row) for row in await connection.execute(can_grow)]
    grouped = group(growing, sightings)
    await connection.execute(
        upsert_incidents(), [incident_row(tenant_id, incident) for incident in grouped.incidents]
    )
    members = [evidence_row(tenant_id, incident_id, one) for incident_id, one in grouped.members]
    await connection.execute(incident_evidence.insert(), members)
    known = {incident.id for incident in growing}
    return [incident for incident in grouped.incidents if incident.id not in known]


def _serious_and_in_none() -> list[Any]:
    seen = select(literal(1)).where(incident_evidence.c.analysis_id == analyses.c.id)
    return [analyses.c.level.in_([level.value for level in SERIOUS]), ~seen.exists()]


def _opened_in(span: Span) -> list[Any]:
    conditions: list[Any] = [incidents.c.opened_at >= span.start, incidents.c.opened_at < span.end]
    if span.application is not None:
        conditions.append(incidents.c.application == span.application)
    return conditions


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(float(seconds), 1)
