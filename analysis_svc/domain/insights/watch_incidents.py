"""Incidents are grouped soon after they came, whether or not anybody reads."""

import asyncio
from collections.abc import Callable
from datetime import datetime
from uuid import UUID

from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.errors import StorageUnavailableError
from analysis_svc.domain.insights.handle_incidents import LOOK_BACK, IncidentStore

AFTER_S = 5.0
"""So long after a serious analysis it is grouped, with what came meanwhile."""
TRIES = 12
"""How often a tenant's grouping is tried, each time after AFTER_S, before it is left to what comes next."""


class WatchIncidents:
    """Groups the serious analyses of a tenant behind the requests' back, one tenant at a time.

    Any number of processes may do it at once: whom another is at is left to it and looked at again. What a
    process that dies had still to do is done with the tenant's next serious analysis, or by whoever reads.

    Args:
        store: keeps incidents.
        now: the clock.
    """

    def __init__(self, store: IncidentStore, now: Callable[[], datetime]) -> None:
        self._store = store
        self._now = now
        self._tries: dict[UUID, int] = {}
        self._awake = False
        self._work = BackgroundWork(most=2)  # one that is just ending may still be there

    def noticed(self, tenant_id: UUID) -> None:
        """Hear that a serious analysis of a tenant was kept; returns at once."""
        self._tries[tenant_id] = TRIES
        if not self._awake:  # whoever is awake goes on for as long as there is any
            self._awake = self._work.start(self._group_all()) is not None

    async def close(self) -> None:
        """Stop."""
        await self._work.close()

    async def _group_all(self) -> None:
        try:
            while self._tries:
                await asyncio.sleep(AFTER_S)
                due, self._tries = self._tries, {}
                for tenant_id, left in due.items():
                    if not await self._grouped(tenant_id) and left > 1:
                        self._tries.setdefault(tenant_id, left - 1)
        finally:
            self._awake = False

    async def _grouped(self, tenant_id: UUID) -> bool:
        try:
            return await self._store.catch_up(tenant_id, since=self._now() - LOOK_BACK)
        except StorageUnavailableError:
            return False
