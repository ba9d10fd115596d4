"""Serious analyses are grouped without a reader: soon, together, and again where it did not work."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any, cast
from uuid import UUID, uuid4

import pytest

from analysis_svc.domain.errors import StorageUnavailableError
from analysis_svc.domain.insights import watch_incidents
from analysis_svc.domain.insights.handle_incidents import LOOK_BACK, IncidentStore
from analysis_svc.domain.insights.watch_incidents import TRIES, WatchIncidents

NOW = datetime(2026, 11, 3, tzinfo=UTC)
ONE, OTHER = uuid4(), uuid4()


class Store:
    """Raises what it is told to, or says for None that another is at it; then that all is grouped."""

    def __init__(self, *answers: Exception | None) -> None:
        self.answers = list(answers)
        self.asked: list[tuple[UUID, datetime]] = []

    async def catch_up(self, tenant_id: UUID, *, since: datetime) -> bool:
        self.asked.append((tenant_id, since))
        if not self.answers:
            return True
        if (answer := self.answers.pop(0)) is not None:
            raise answer
        return False


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_incidents, "AFTER_S", 0.0)


def watching(store: Store) -> WatchIncidents:
    return WatchIncidents(cast("IncidentStore", cast("Any", store)), lambda: NOW)


async def settle() -> None:
    for _ in range(200):
        await asyncio.sleep(0)


async def test_what_came_together_is_grouped_once_for_each_tenant() -> None:
    store = Store()
    watch = watching(store)
    for tenant in (ONE, ONE, OTHER, ONE):
        watch.noticed(tenant)
    await settle()
    assert sorted(store.asked) == sorted([(ONE, NOW - LOOK_BACK), (OTHER, NOW - LOOK_BACK)])
    watch.noticed(ONE)
    await settle()
    assert len(store.asked) == 3, "what comes later is grouped later"
    await watch.close()


async def test_grouping_that_another_is_at_or_that_fails_is_tried_again() -> None:
    store = Store(None, StorageUnavailableError())
    watch = watching(store)
    watch.noticed(ONE)
    await settle()
    assert len(store.asked) == 3
    await watch.close()


async def test_database_that_stays_away_is_not_asked_for_ever() -> None:
    store = Store(*[StorageUnavailableError()] * 100)
    watch = watching(store)
    watch.noticed(ONE)
    await settle()
    assert len(store.asked) == TRIES
    store.answers.clear()
    watch.noticed(ONE)
    await settle()
    assert len(store.asked) == TRIES + 1, "the next serious analysis begins anew"
    await watch.close()


async def test_fault_ends_one_round_and_not_the_watch() -> None:
    store = Store(RuntimeError("a fault of ours"))
    watch = watching(store)
    watch.noticed(ONE)
    await settle()
    watch.noticed(ONE)
    await settle()
    assert len(store.asked) == 2
    await watch.close()


async def test_closing_waits_for_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_incidents, "AFTER_S", timedelta(hours=1).total_seconds())
    store = Store()
    watch = watching(store)
    watch.noticed(ONE)
    await settle()
    await watch.close()
    assert store.asked == []
