"""Keeps this replica in step with changes that are made anywhere."""

from mapper_svc.domain.errors import ServiceError
from mapper_svc.domain.model_ports import FleetEvents, FleetNews, FleetStore
from mapper_svc.domain.model_router import FleetRouter
from mapper_svc.domain.own_task import is_cancelled


class ModelWatch:
    """Takes every change of the fleet, on its news or at the next look.

    Args:
        store: keeps the fleet.
        news: carries the news of changes.
        router: serves by the fleet.
        events: hears of what happens.
        poll_s: longest time between two looks, in seconds; so long a change takes while no news arrives.
    """

    def __init__(
        self, *, store: FleetStore, news: FleetNews, router: FleetRouter, events: FleetEvents, poll_s: float
    ) -> None:
        self._store = store
        self._news = news
        self._router = router
        self._events = events
        self._poll_s = poll_s

    async def follow(self) -> None:
        """Look again and again, until cancelled."""
        while not is_cancelled():
            await self.look()
            await self._news.wait(self._poll_s)

    async def look(self) -> None:
        """Take the fleet if it is another than the one served by."""
        known = self._router.fleet
        try:
            if known is None or await self._store.revision() != known.revision:
                self._router.take(await self._store.load())
        except ServiceError as error:
            # What was known serves on: a database that is away must not take the model away too.
            self._events.fleet_unread(error.code.value)
