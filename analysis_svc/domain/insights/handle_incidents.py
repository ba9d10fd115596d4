"""The use cases around incidents: list them, look at one, take it on, end it, tell how long that takes."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.insights.incidents import Incident, IncidentStatus, Resolution, Sighting
from analysis_svc.domain.insights.span import Span

LOOK_BACK = timedelta(days=30)
"""How old an analysis may be and still become part of an incident."""
CATCHING_UP = timedelta(seconds=60)
"""How long a report waits for analyses to be grouped."""
_PAUSE_S = 0.2
TIMELINE = 500
"""Analyses of an incident that are listed with it, the first ones."""


@dataclass(frozen=True, slots=True)
class IncidentDetail:
    """An incident with its analyses in order of time, 500 at most."""

    incident: Incident
    timeline: tuple[Sighting, ...]


@dataclass(frozen=True, slots=True)
class IncidentSummary:
    """Incidents that were opened in a span; times in seconds, None where none got so far.

    Attributes:
        open: not taken on yet.
        acknowledged: taken on, not ended.
        resolved: ended.
        mttr_s: mean time from an incident's first analysis to its end, of those that ended (MTTR).
        median_to_resolve_s: the median of the same.
        mtta_s: mean time to taking it on, of those that were (MTTA).
        oldest_open_at: first analysis of the oldest that nobody has ended.
        by_level: how many had each level at worst.
        put_aside: of whose analyses reviews have left no finding at all; they count nowhere else here.
    """

    open: int
    acknowledged: int
    resolved: int
    mttr_s: float | None
    median_to_resolve_s: float | None
    mtta_s: float | None
    oldest_open_at: datetime | None
    by_level: dict[str, int]
    put_aside: int = 0


@dataclass(frozen=True, slots=True)
class Ungrouped:
    """Analyses of level high or critical that are in no incident.

    Attributes:
        analyses: how many.
        first_at: time of the first of them, UTC; None when there are none.
        last_at: time of the last of them.
    """

    analyses: int
    first_at: datetime | None
    last_at: datetime | None


class IncidentStore(Protocol):
    """Keeps incidents. Each call raises StorageUnavailableError."""

    async def catch_up(self, tenant_id: UUID, *, since: datetime) -> bool:
        """Group what has come since and is in no incident yet; what somebody else is at is left to them.

        Returns:
            Whether all of it is grouped now; False also when somebody else is at it.
        """
        ...

    async def ungrouped(self, tenant_id: UUID, span: Span) -> Ungrouped:
        """Count what is in the span, of level high or critical, and in no incident."""
        ...

    async def page(
        self, tenant_id: UUID, span: Span, *, status: IncidentStatus | None, after: UUID | None, limit: int
    ) -> Sequence[Incident]:
        """Return incidents that were opened in the span, the newest first, behind the one of that id."""
        ...

    async def one(self, tenant_id: UUID, incident_id: UUID, *, timeline: int) -> IncidentDetail | None:
        """Return one with its first analyses."""
        ...

    async def summary(self, tenant_id: UUID, span: Span) -> IncidentSummary:
        """Return counts and times of those that were opened in the span."""
        ...

    async def acknowledge(
        self, tenant_id: UUID, incident_id: UUID, *, actor: str, at: datetime
    ) -> Incident | None:
        """Take an open one on, with its audit event; None when there is none of that id that is open."""
        ...

    async def resolve(
        self, tenant_id: UUID, incident_id: UUID, *, actor: str, at: datetime, resolution: Resolution
    ) -> Incident | None:
        """End one that is not ended, with its audit event; None when there is none such."""
        ...


class Incidents:
    """Incidents of a tenant. Reading groups first what has come since the last reading.

    Args:
        store: keeps them.
        now: the clock.
    """

    def __init__(self, store: IncidentStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now

    async def page(
        self,
        tenant_id: UUID,
        span: Span,
        *,
        status: IncidentStatus | None = None,
        after: UUID | None = None,
        limit: int = 100,
    ) -> Sequence[Incident]:
        """Return incidents that were opened in the span, the newest first."""
        await self._catch_up(tenant_id)
        return await self._store.page(tenant_id, span, status=status, after=after, limit=limit)

    async def one(self, tenant_id: UUID, incident_id: UUID) -> IncidentDetail:
        """Return one with its timeline.

        Raises:
            ServiceError: NOT_FOUND.
        """
        await self._catch_up(tenant_id)
        found = await self._store.one(tenant_id, incident_id, timeline=TIMELINE)
        if found is None:
            raise _not_found()
        return found

    async def summary(self, tenant_id: UUID, span: Span) -> IncidentSummary:
        """Return counts and times of the incidents that were opened in the span."""
        await self._catch_up(tenant_id)
        return await self._store.summary(tenant_id, span)

    async def ungrouped(self, tenant_id: UUID, span: Span) -> Ungrouped:
        """Group for up to a minute, and return what of the span is in no incident even then.

        What is older than LOOK_BACK is not grouped here either: it may have been in an incident that was
        erased since, and would open it anew.
        """
        until = self._now() + CATCHING_UP
        while not await self._catch_up(tenant_id) and self._now() < until:  # noqa: ASYNC110 - no event tells
            await asyncio.sleep(_PAUSE_S)
        return await self._store.ungrouped(tenant_id, span)

    async def acknowledge(self, caller: Principal, incident_id: UUID) -> Incident:
        """Take an open incident on.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT when somebody took it on or ended it before.
        """
        done = await self._store.acknowledge(
            caller.tenant_id, incident_id, actor=caller.token_id, at=self._now()
        )
        return done or await self._refuse(caller.tenant_id, incident_id)

    async def resolve(self, caller: Principal, incident_id: UUID, resolution: Resolution) -> Incident:
        """End an incident, whether somebody took it on before or not.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT when it has ended before.
        """
        done = await self._store.resolve(
            caller.tenant_id, incident_id, actor=caller.token_id, at=self._now(), resolution=resolution
        )
        return done or await self._refuse(caller.tenant_id, incident_id)

    async def _refuse(self, tenant_id: UUID, incident_id: UUID) -> Incident:
        found = await self._store.one(tenant_id, incident_id, timeline=0)
        if found is None:
            raise _not_found()
        raise ServiceError(
            ErrorCode.CONFLICT, f"the incident is {found.incident.status.value} already", field="status"
        )

    async def _catch_up(self, tenant_id: UUID) -> bool:
        return await self._store.catch_up(tenant_id, since=self._now() - LOOK_BACK)


def _not_found() -> ServiceError:
    return ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such incident", field="incident_id")
