"""What a tenant may set, and what holds when it cannot be read."""

import asyncio
from typing import Any, cast
from uuid import UUID, uuid4

import pytest
from redis.exceptions import ConnectionError as ValkeyDownError

from mapper_svc.adapters.tenant_settings_cache import KEPT_S, CachedTenantSettings
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.change_settings import SettingsStore
from mapper_svc.domain.chosen_settings import ChosenSettings, SettingsVersion, check_settings
from mapper_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from mapper_svc.domain.tenant_settings import STALE, UNREAD, MappingChoices, Piece

TENANT = uuid4()


class Store:
    """Answers one version, slowly or not at all when told to."""

    def __init__(self) -> None:
        self.version = SettingsVersion(3, ChosenSettings(threshold=0.9))
        self.down = False
        self.gate = asyncio.Event()
        self.gate.set()
        self.reads = 0

    async def latest(self, tenant_id: UUID) -> SettingsVersion:  # noqa: ARG002 - the shape of the port
        self.reads += 1
        read = self.version
        await self.gate.wait()
        if self.down:
            raise StorageUnavailableError
        return read


class Valkey:
    def __init__(self) -> None:
        self.said: list[str] = []
        self.down = False

    async def publish(self, channel: str, message: str) -> None:
        if self.down:
            raise ValkeyDownError
        self.said.append(f"{channel} {message}")


class World:
    def __init__(self) -> None:
        self.store, self.valkey, self.now = Store(), Valkey(), 0.0
        self.unread: list[str] = []
        self.settings = CachedTenantSettings(
            cast("SettingsStore", self.store),
            cast("Any", self.valkey),
            self,
            BackgroundWork(),
            clock=lambda: self.now,
        )

    def settings_unread(self, held: str) -> None:
        self.unread.append(held)


@pytest.fixture
def world() -> World:
    return World()


async def test_settings_are_read_once_and_then_from_memory(world: World) -> None:
    found = [await world.settings.of(TENANT) for _ in range(50)]
    assert {one.version for one in found} == {3}
    assert found[0].choices.threshold == 0.9
    assert found[0].note == ""
    assert world.store.reads == 1
    world.now += KEPT_S
    await world.settings.of(TENANT)
    assert world.store.reads == 2


async def test_many_at_once_make_one_reading(world: World) -> None:
    found = await asyncio.gather(*(world.settings.of(TENANT) for _ in range(100)))
    assert {one.version for one in found} == {3}
    assert world.store.reads == 1


async def test_change_holds_at_once_where_it_was_made(world: World) -> None:
    await world.settings.of(TENANT)
    world.store.version = SettingsVersion(4)
    await world.settings.changed(TENANT)
    assert (await world.settings.of(TENANT)).version == 4
    assert world.valkey.said == [f"mapper:settings {TENANT}"]


async def test_reading_begun_before_a_change_does_not_outlive_it(world: World) -> None:
    world.store.gate.clear()
    early = asyncio.create_task(world.settings.of(TENANT))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    world.store.version = SettingsVersion(4)
    await world.settings.changed(TENANT)
    world.store.gate.set()
    await early
    assert (await world.settings.of(TENANT)).version == 4


async def test_change_succeeds_without_valkey(world: World) -> None:
    world.valkey.down = True
    await world.settings.of(TENANT)
    world.store.version = SettingsVersion(4)
    await world.settings.changed(TENANT)
    assert (await world.settings.of(TENANT)).version == 4


async def test_database_away_leaves_the_defaults_and_says_so(world: World) -> None:
    world.store.down = True
    found = await world.settings.of(TENANT)
    assert found.choices == MappingChoices()
    assert found.note == UNREAD
    assert world.unread == ["defaults"]


async def test_database_away_later_leaves_the_last_known_and_says_so(world: World) -> None:
    await world.settings.of(TENANT)
    world.now += KEPT_S
    world.store.down = True
    found = await world.settings.of(TENANT)
    assert (found.choices.threshold, found.version, found.note) == (0.9, 3, STALE)
    assert world.unread == ["last_known"]


async def test_dead_database_is_not_asked_by_every_request_and_is_asked_again(world: World) -> None:
    world.store.down = True
    for _ in range(20):
        await world.settings.of(TENANT)
    assert world.store.reads == 1
    world.store.down = False
    world.now += 2.0
    assert (await world.settings.of(TENANT)).note == ""


async def test_silent_database_holds_nobody_up(world: World) -> None:
    world.store.gate.clear()
    async with asyncio.timeout(1):
        found = await world.settings.of(TENANT)
    assert found.note == UNREAD
    world.store.gate.set()
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    assert (await world.settings.of(TENANT)).version == 3


@pytest.mark.parametrize(
    ("chosen", "models", "field", "limit"),
    [
        (ChosenSettings(threshold=0.7), 0.8, "threshold", "0.8"),
        (ChosenSettings(threshold=0.59), None, "threshold", "0.6"),
        (ChosenSettings(threshold=1.01), 0.8, "threshold", "to 1"),
        (
            ChosenSettings(label_thresholds={"PII.Contact.Email": 0.5}),
            0.8,
            "label_thresholds.PII.Contact.Email",
            "0.8",
        ),
        (ChosenSettings(label_thresholds={"PII.Fax": 0.9}), 0.8, "label_thresholds", "2026.11"),
        (
            ChosenSettings(label_thresholds={"PII.Email": 0.9}),
            0.8,
            "label_thresholds.PII.Contact.Email",
            "canonical",
        ),
    ],
)
def test_what_cannot_hold_is_refused_with_field_and_limit(
    catalogue: Catalogue, chosen: ChosenSettings, models: float | None, field: str, limit: str
) -> None:
    with pytest.raises(ServiceError) as caught:
        check_settings(chosen, taxonomy=catalogue.taxonomy, models=models)
    assert caught.value.code is ErrorCode.INVALID_REQUEST
    assert caught.value.field == field
    assert limit in caught.value.detail


def test_what_may_hold_is_taken(catalogue: Catalogue) -> None:
    chosen = ChosenSettings(threshold=0.8, label_thresholds={"SECRET.Other": 1.0})
    check_settings(chosen, taxonomy=catalogue.taxonomy, models=0.8)
    check_settings(ChosenSettings(), taxonomy=catalogue.taxonomy, models=None)


@pytest.mark.parametrize(
    ("label", "expected"), [("SECRET.Other", 0.99), ("SECRET.Password", 0.85), ("IP.Copyright", 0.85)]
)
def test_highest_threshold_wins_and_none_is_lowered(label: str, expected: float) -> None:
    choices = ChosenSettings(
        threshold=0.85, label_thresholds={"SECRET.Other": 0.99, "SECRET.Password": 0.7}
    ).effective()
    assert choices.threshold_of(label, 0.8) == expected
    assert choices.threshold_of(label, 1.0) == 1.0


def test_nothing_set_is_every_piece_on_and_no_feedback_into_training() -> None:
    choices = ChosenSettings().effective()
    assert choices == MappingChoices()
    assert [piece for piece in Piece if not choices.on(piece)] == []
    assert not choices.feedback_for_training
    off = ChosenSettings(tiers={Piece.MODEL: False, Piece.RULE: True}).effective()
    assert [piece for piece in Piece if not off.on(piece)] == [Piece.MODEL]
