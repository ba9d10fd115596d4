"""Who was revoked stays revoked: with Valkey away or emptied, with Postgres away, with both."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import msgspec
import psycopg
import pytest
import redis
from redis.asyncio import Redis

from deploy.local.valkey import ADMIN, Cache
from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.revocations import (
    REVOKED_SET,
    SENTINEL,
    STALE_LIMIT_S,
    Revocations,
    RevocationsUnavailableError,
)
from orchestration_svc.adapters.valkey import make_valkey
from orchestration_svc.domain.access import Role
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import Service, issue, running
from tests.integration.orchestration_svc.relay import Relay

DETECTORS = "/api/v1/detectors"


class Stopwatch:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Wired:
    """Revocations behind two wires that can be cut, on a clock that can be moved."""

    revocations: Revocations
    clock: Stopwatch
    postgres: Relay
    valkey: Relay
    redis: Redis

    async def cut_both(self) -> None:
        await self.postgres.cut()
        await self.valkey.cut()


async def relayed(url: str) -> tuple[Relay, str]:
    port = urlsplit(url).port
    assert port is not None
    relay = Relay(port)
    await relay.mend()
    return relay, url.replace(f":{port}", f":{relay.port}")


@pytest.fixture
async def wired_settings(settings: Settings) -> AsyncIterator[tuple[Settings, Relay, Relay]]:
    postgres, database_url = await relayed(settings.database_url)
    valkey, redis_url = await relayed(settings.redis_url)
    yield (
        msgspec.structs.replace(
            settings, database_url=database_url, redis_url=redis_url, redis_timeout_ms=1_000
        ),
        postgres,
        valkey,
    )
    await postgres.cut()
    await valkey.cut()


@pytest.fixture
async def wired(wired_settings: tuple[Settings, Relay, Relay]) -> AsyncIterator[Wired]:
    told, postgres, valkey = wired_settings
    clock = Stopwatch()
    database = Database(told.database_url, pool_size=2, statement_timeout_ms=2_000)
    client = make_valkey(told.redis_url, timeout_ms=1_000)
    yield Wired(Revocations(client, database, monotonic=clock), clock, postgres, valkey, client)
    await client.aclose()
    await database.close()


@pytest.fixture
def revoke(superuser: psycopg.Connection[Any]) -> Callable[..., str]:
    """Put a token id on the list in Postgres, behind everybody's back."""

    def act(token_id: str, *, since: timedelta = timedelta(0), left: timedelta = timedelta(days=1)) -> str:
        now = datetime.now(UTC)
        superuser.execute(
            "INSERT INTO orchestration.revoked_tokens VALUES (%s, %s, %s)",
            [token_id, now - since, now + left],
        )
        return token_id

    return act


async def members(client: Redis) -> set[str]:
    return {str(member) for member in await client.smembers(REVOKED_SET)}


async def test_revoked_key_is_refused_at_once_by_the_service_that_revoked_it(
    service: Service, admin: str, access: Access, tenant: UUID
) -> None:
    token = await issue(access, tenant, Role.VIEWER)
    assert (await service.call("GET", DETECTORS, token)).status_code == 200
    (key,) = [one for one in await access.keys.list(tenant) if Role.VIEWER in one.roles]
    await service.call("DELETE", f"/api/v1/keys/{key.key_id}", admin)
    assert (await service.call("GET", DETECTORS, token)).status_code == 401


async def test_what_one_process_revokes_every_other_refuses_at_once(
    service: Service, access: Access, tenant: UUID
) -> None:
    token = await issue(access, tenant, Role.VIEWER)
    assert (await service.call("GET", DETECTORS, token)).status_code == 200
    (key,) = await access.keys.list(tenant)
    await access.keys.revoke(tenant_id=tenant, actor="another process", key_id=key.key_id)
    assert (await service.call("GET", DETECTORS, token)).status_code == 401
    await asyncio.sleep(1.1)  # the public list is read anew once a second
    listed = await service.call("GET", "/.well-known/revoked.json")
    assert listed.json() == {"revoked": [str(key.key_id)]}


async def test_with_valkey_away_revocations_are_read_from_postgres(
    wired: Wired, revoke: Callable[..., str]
) -> None:
    await wired.revocations.publish()
    await wired.valkey.cut()
    revoke("late")
    wired.clock.seconds += 2
    assert await wired.revocations.is_revoked("late")
    assert not await wired.revocations.is_revoked("other")


async def test_with_postgres_away_valkey_answers(wired: Wired, revoke: Callable[..., str]) -> None:
    revoke("known")
    await wired.revocations.publish()
    await wired.postgres.cut()
    wired.clock.seconds += 10 * STALE_LIMIT_S
    assert await wired.revocations.is_revoked("known")
    assert not await wired.revocations.is_revoked("other")


async def test_with_both_away_the_last_known_list_serves_for_five_minutes_and_then_nobody_passes(
    wired: Wired, revoke: Callable[..., str]
) -> None:
    revoke("known")
    await wired.revocations.publish()
    await wired.cut_both()
    for seconds in (1, STALE_LIMIT_S - 2):
        wired.clock.seconds += seconds
        assert await wired.revocations.is_revoked("known")
        assert not await wired.revocations.is_revoked("other")
    wired.clock.seconds += 2
    with pytest.raises(RevocationsUnavailableError):
        await wired.revocations.is_revoked("other")
    with pytest.raises(RevocationsUnavailableError):
        await wired.revocations.current()
    assert await wired.revocations.is_revoked("known")  # that much is certain for good

    await wired.postgres.mend()
    wired.clock.seconds += 3
    assert not await wired.revocations.is_revoked("other")


async def test_process_that_never_read_a_list_lets_nobody_pass(wired: Wired) -> None:
    await wired.cut_both()
    with pytest.raises(RevocationsUnavailableError):
        await wired.revocations.is_revoked("any")


async def test_emptied_valkey_is_not_taken_for_nobody_revoked_and_is_filled_again(
    wired: Wired, revoke: Callable[..., str], empty_valkey: Cache
) -> None:
    revoke("gone")
    await wired.revocations.publish()
    with redis.Redis.from_url(empty_valkey.url(ADMIN)) as anybody:
        anybody.flushall()
    wired.clock.seconds += 2
    assert await wired.revocations.is_revoked("gone")
    assert not await wired.revocations.is_revoked("other")
    await wired.revocations.publish()
    assert await members(wired.redis) == {"gone", SENTINEL}


async def test_list_without_its_sentinel_is_not_trusted(wired: Wired, revoke: Callable[..., str]) -> None:
    revoke("gone")
    await wired.redis.sadd(REVOKED_SET, "only this one")
    assert await wired.revocations.is_revoked("gone")


async def test_list_from_memory_is_never_published_as_complete(
    wired: Wired, revoke: Callable[..., str], empty_valkey: Cache
) -> None:
    await wired.revocations.publish()
    revoke("meanwhile")
    await wired.postgres.cut()
    with redis.Redis.from_url(empty_valkey.url(ADMIN)) as anybody:
        anybody.flushall()
    await wired.revocations.publish()
    assert await members(wired.redis) == set()


async def test_slow_publisher_does_not_undo_what_another_published(
    wired: Wired, access: Access, revoke: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    load = wired.revocations._try_to_load

    async def load_and_be_overtaken() -> bool:
        loaded = await load()
        revoke("meanwhile")
        await access.revocations.publish()
        return loaded

    monkeypatch.setattr(wired.revocations, "_try_to_load", load_and_be_overtaken)
    await wired.revocations.publish()
    assert "meanwhile" in await members(wired.redis)


async def test_expired_revocations_leave_the_list_but_not_before_clocks_agree(
    wired: Wired, revoke: Callable[..., str]
) -> None:
    revoke("long ago", left=-timedelta(hours=1))
    revoke("just now", left=-timedelta(seconds=3))
    revoke("later", since=-timedelta(hours=1))
    await wired.redis.sadd(REVOKED_SET, "long ago", SENTINEL)
    await wired.revocations.publish()
    assert await members(wired.redis) == {"just now", SENTINEL}


async def test_many_callers_at_once_ask_postgres_once(wired: Wired, monkeypatch: pytest.MonkeyPatch) -> None:
    await wired.valkey.cut()
    asked = 0
    load = wired.revocations._try_to_load

    async def counted() -> bool:
        nonlocal asked
        asked += 1
        return await load()

    monkeypatch.setattr(wired.revocations, "_try_to_load", counted)
    answers = await asyncio.gather(*(wired.revocations.is_revoked(f"t{n}") for n in range(40)))
    assert (asked, any(answers)) == (1, False)


async def test_service_outlives_both_and_recovers_by_itself(
    wired_settings: tuple[Settings, Relay, Relay], admin: str
) -> None:
    told, postgres, valkey = wired_settings
    async with running(told) as service:
        assert (await service.call("GET", DETECTORS, admin)).status_code == 200
        await valkey.cut()
        assert (await service.call("GET", DETECTORS, admin)).status_code == 200
        assert (
            await service.call("POST", "/api/v1/orchestrate", admin, json={"content": "x"})
        ).status_code == 200
        ready = await service.call("GET", "/health/ready")
        assert (ready.status_code, ready.json()["dependencies"]["valkey"]["status"]) == (200, "down")

        await postgres.cut()
        answer = await service.call("GET", DETECTORS, admin)
        assert answer.status_code == 200  # by the last known list
        listed = await service.call("GET", "/api/v1/keys", admin)
        assert (listed.status_code, listed.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")
        assert listed.headers["retry-after"]
        await asyncio.sleep(1.1)  # readiness may be a second old
        ready = await service.call("GET", "/health/ready")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["dependencies"]["postgres"]["status"] == "down"
        done = await service.call("POST", "/api/v1/orchestrate", admin, json={"content": "x"})
        assert done.status_code == 200  # the main job needs neither of them

        await postgres.mend()
        await valkey.mend()
        assert (await service.call("GET", "/api/v1/keys", admin)).status_code == 200
        await asyncio.sleep(1.1)  # readiness may be a second old
        ready = await service.call("GET", "/health/ready")
        assert ready.json()["dependencies"]["postgres"]["status"] == "up"
        assert ready.json()["dependencies"]["valkey"]["status"] == "up"


async def test_service_started_with_everything_away_refuses_and_then_recovers(
    wired_settings: tuple[Settings, Relay, Relay], admin: str
) -> None:
    told, postgres, valkey = wired_settings
    await postgres.cut()
    await valkey.cut()
    async with running(told) as service:
        for path in (DETECTORS, "/.well-known/jwks.json", "/.well-known/revoked.json"):
            answer = await service.call("GET", path, admin)
            assert (answer.status_code, answer.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE"), path
            assert answer.json()["retryable"] is True
        assert (await service.call("GET", "/health/live")).status_code == 200
        await postgres.mend()
        statuses = []
        for _ in range(50):
            statuses.append((await service.call("GET", DETECTORS, admin)).status_code)
            if statuses[-1] == 200:
                break
            await asyncio.sleep(0.1)
        assert statuses[-1] == 200
