"""Takes over the model server that the settings name, as long as no person chose another version."""

import asyncio

from mapper_svc.domain.errors import ServiceError
from mapper_svc.domain.model_fleet import Source
from mapper_svc.domain.model_ports import FleetEvents
from mapper_svc.domain.model_registry import ModelRegistry
from mapper_svc.domain.model_router import FleetRouter
from mapper_svc.domain.own_task import is_cancelled

_RETRY_S = 1.0


class ModelAdoption:
    """Once after the start, and again when that server turns out to serve another release than it did.

    Args:
        registry: registers and activates.
        router: knows the fleet, and when a server answers with another version.
        events: hears of what stands in the way.
        url: base URL of the server.
    """

    def __init__(
        self, *, registry: ModelRegistry, router: FleetRouter, events: FleetEvents, url: str
    ) -> None:
        self._registry = registry
        self._router = router
        self._events = events
        self._url = url.rstrip("/")

    async def keep(self) -> None:
        """Adopt whenever that is due, until cancelled."""
        while not is_cancelled():
            try:
                await self._registry.adopt(self._url)
            except ServiceError as error:
                self._events.not_adopted(error.detail)
                await asyncio.sleep(_RETRY_S)
                continue
            await self._wait_for_another_version()

    async def _wait_for_another_version(self) -> None:
        while not is_cancelled():
            await self._router.strange_version.wait()
            self._router.strange_version.clear()
            active = self._router.fleet.active if self._router.fleet else None
            if active is not None and active.source is Source.CONFIG and active.url == self._url:
                return
            await asyncio.sleep(_RETRY_S)
