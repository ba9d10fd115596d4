"""Limits on a real Valkey: counted over processes, told in headers, and open when nobody can count."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, cast
from uuid import UUID, uuid4

import httpx
import jwt
import msgspec
import pytest
from redis.asyncio import Redis
from redis.exceptions import ReadOnlyError

from orchestration_svc.adapters import rate_limits, tenant_settings_cache
from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.rate_limits import ValkeyLimiter
from orchestration_svc.adapters.revocations import REVOKED_SET, SENTINEL
from orchestration_svc.adapters.valkey import make_valkey
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.limits import Exceeded, Limits
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import Service, issue, running

PATH = "/api/v1/orchestrate"
BODY = {"content": "hello", "auto_map": False}


class Counted:
    """Remembers what the limits did."""

    def __init__(self) -> None:
        self.refused: list[str] = []
        self.uncounted = 0

    def limit_exceeded(self, limit: str) -> None:
        self.refused.append(limit)

    def limits_unavailable(self) -> None:
        self.uncounted += 1


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for settings on a busy machine; a request goes on without them much sooner."""
    monkeypatch.setattr(tenant_settings_cache, "_WAIT_S", 20.0)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """The same, with a Valkey that may take its time."""
    return msgspec.structs.replace(settings, redis_timeout_ms=20_000)


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
async def limiter(settings: Settings, counted: Counted) -> AsyncIterator[ValkeyLimiter]:
    client = make_valkey(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
    yield ValkeyLimiter(client, counted)
    await client.aclose()


async def test_bucket_gives_no_more_than_it_holds_to_many_at_once_over_two_processes(
    limiter: ValkeyLimiter, counted: Counted, settings: Settings
) -> None:
    client = make_valkey(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
    other, tenant = ValkeyLimiter(client, counted), uuid4()
    one_a_minute_back = Limits(requests_per_minute=5)
    asked = [
        one.admit(tenant, "key", one_a_minute_back, content_bytes=0)
        for _ in range(20)
        for one in (limiter, other)
    ]
    admissions = await asyncio.gather(*asked)
    await client.aclose()
    passed = [one for one in admissions if one.exceeded is None]
    assert len(passed) == 5
    assert sorted(one.remaining for one in passed) == [0, 1, 2, 3, 4]
    refused = [one for one in admissions if one.exceeded]
    assert {one.exceeded for one in refused} == {Exceeded.REQUESTS}
    assert all(1 <= one.retry_after_s <= 12 for one in refused)
    assert counted.refused == ["requests_per_minute"] * 35


async def test_bucket_fills_again_as_time_goes_by(limiter: ValkeyLimiter) -> None:
    tenant, limits = uuid4(), Limits(requests_per_minute=600)
    for _ in range(600):
        await limiter.admit(tenant, "key", limits, content_bytes=0)
    await asyncio.sleep(0.25)
    assert (await limiter.admit(tenant, "key", limits, content_bytes=0)).exceeded is None


async def test_one_key_does_not_use_up_what_the_other_may(limiter: ValkeyLimiter) -> None:
    tenant, limits = uuid4(), Limits(requests_per_minute=100, key_requests_per_minute=1)
    first = await limiter.admit(tenant, "a", limits, content_bytes=0)
    assert (first.limit, first.remaining) == (1, 0), "the tighter of both is told"
    assert (await limiter.admit(tenant, "a", limits, content_bytes=0)).exceeded is Exceeded.KEY_REQUESTS
    assert (await limiter.admit(tenant, "b", limits, content_bytes=0)).exceeded is None


async def test_refused_request_takes_nothing_out_of_the_other_allowances(limiter: ValkeyLimiter) -> None:
    tenant = uuid4()
    narrow = Limits(requests_per_minute=3, content_bytes_per_day=10)
    for _ in range(5):
        refused = await limiter.admit(tenant, "key", narrow, content_bytes=11)
        assert refused.exceeded is Exceeded.CONTENT
    passed = await limiter.admit(tenant, "key", narrow, content_bytes=10)
    assert (passed.exceeded, passed.remaining) == (None, 2)
    assert 1 <= refused.retry_after_s <= 86_400


async def test_bytes_that_came_unannounced_are_charged(limiter: ValkeyLimiter) -> None:
    tenant, limits = uuid4(), Limits(content_bytes_per_day=100)
    await limiter.admit(tenant, "key", limits, content_bytes=0)
    await limiter.charge(tenant, 100)
    assert (await limiter.admit(tenant, "key", limits, content_bytes=1)).exceeded is Exceeded.CONTENT


async def test_requests_under_way_are_counted_until_they_end(limiter: ValkeyLimiter) -> None:
    tenant, limits = uuid4(), Limits(concurrent_requests=2)
    first, second, third = [await limiter.admit(tenant, "key", limits, content_bytes=0) for _ in range(3)]
    assert (first.exceeded, second.exceeded, third.exceeded) == (None, None, Exceeded.CONCURRENT)
    assert first.ticket is not None
    await limiter.leave(tenant, first.ticket)
    assert (await limiter.admit(tenant, "key", limits, content_bytes=0)).exceeded is None


async def test_place_is_given_back_although_no_further_request_of_the_tenant_comes(
    limiter: ValkeyLimiter, valkey: Redis
) -> None:
    tenant, limits = uuid4(), Limits(concurrent_requests=200)
    admitted = [await limiter.admit(tenant, "key", limits, content_bytes=0) for _ in range(150)]
    live = f"orchestration:limits:{{{tenant}}}:live"
    assert await valkey.zcard(live) == 150
    for one in admitted:
        await limiter.leave(tenant, one.ticket or "")
    while await valkey.zcard(live):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)


async def test_places_go_back_with_the_next_request_of_the_same_tenant_only(
    limiter: ValkeyLimiter, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rate_limits, "GIVEN_BACK_S", 3600.0)
    one, other, limits = uuid4(), uuid4(), Limits(concurrent_requests=1)
    tickets = [
        (await limiter.admit(tenant, "key", limits, content_bytes=0)).ticket for tenant in (one, other)
    ]
    await limiter.leave(one, tickets[0] or "")
    assert (await limiter.admit(other, "key", limits, content_bytes=0)).exceeded is Exceeded.CONCURRENT
    assert await valkey.zcard(f"orchestration:limits:{{{one}}}:live") == 1
    assert (await limiter.admit(one, "key", limits, content_bytes=0)).exceeded is None
    await limiter.close()


async def test_what_is_still_to_be_given_back_is_when_the_service_ends(
    limiter: ValkeyLimiter, valkey: Redis
) -> None:
    tenant, limits = uuid4(), Limits(concurrent_requests=1)
    admission = await limiter.admit(tenant, "key", limits, content_bytes=0)
    await limiter.leave(tenant, admission.ticket or "")
    await limiter.close()
    assert await valkey.zcard(f"orchestration:limits:{{{tenant}}}:live") == 0


async def test_place_that_was_taken_unheard_is_given_back(
    limiter: ValkeyLimiter, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, limits = uuid4(), Limits(concurrent_requests=2)
    live = f"orchestration:limits:{{{tenant}}}:live"
    admission = await limiter.admit(tenant, "key", limits, content_bytes=0)
    script = limiter._script

    async def unheard(**asked: Any) -> None:
        await script(**asked)
        raise TimeoutError

    monkeypatch.setattr(limiter, "_script", unheard)
    assert (await limiter.admit(tenant, "key", limits, content_bytes=0)).ticket is None
    assert await valkey.zcard(live) == 2
    await limiter.leave(tenant, admission.ticket or "")
    await limiter.close()
    assert await valkey.zcard(live) == 0


async def test_one_refusal_of_the_question_together_is_forgotten_after_a_minute(
    settings: Settings, counted: Counted, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 1_000.0
    client = make_valkey(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
    limiter = ValkeyLimiter(client, counted, clock=lambda: now)
    asked = 0

    async def refused(**_: Any) -> None:
        nonlocal asked
        asked += 1
        raise ReadOnlyError("a replica")

    monkeypatch.setattr(limiter, "_script", refused)
    for later in (0.0, 59.0, 2.0):
        now += later
        limits = Limits(requests_per_minute=1)
        assert await limiter.admit_unrevoked(uuid4(), "token", limits, content_bytes=0) is None
    assert asked == 2
    await limiter.close()
    await client.aclose()


async def test_ticket_of_a_process_that_died_runs_out(limiter: ValkeyLimiter, valkey: Redis) -> None:
    tenant, limits = uuid4(), Limits(concurrent_requests=1)
    await limiter.admit(tenant, "key", limits, content_bytes=0)
    await valkey.zadd(f"orchestration:limits:{{{tenant}}}:live", {"lost": 1.0})
    lost = await limiter.admit(tenant, "key", limits, content_bytes=0)
    assert lost.exceeded is Exceeded.CONCURRENT, "the one that lives is still counted"
    assert await valkey.zcard(f"orchestration:limits:{{{tenant}}}:live") == 1, "the lost one is not"


async def test_tenants_have_nothing_of_each_others(limiter: ValkeyLimiter) -> None:
    limits = Limits(requests_per_minute=1, concurrent_requests=1)
    for tenant in (uuid4(), uuid4()):
        assert (await limiter.admit(tenant, "key", limits, content_bytes=0)).exceeded is None


async def test_without_valkey_requests_go_on_and_are_counted_as_uncounted(counted: Counted) -> None:
    away = make_valkey("redis://127.0.0.1:1", timeout_ms=100)
    limiter = ValkeyLimiter(away, counted)
    for _ in range(3):
        admission = await limiter.admit(uuid4(), "key", Limits(requests_per_minute=1), content_bytes=0)
        assert (admission.exceeded, admission.limit) == (None, None)
    await limiter.leave(uuid4(), "ticket")
    await limiter.charge(uuid4(), 5)
    await limiter.close()
    await away.aclose()
    assert counted.uncounted == 3


@pytest.fixture
async def narrow(settings: Settings, tenant: UUID) -> AsyncIterator[Service]:
    own = msgspec.json.encode({str(tenant): {"requests_per_minute": 2, "concurrent_requests": 1}}).decode()
    async with running(msgspec.structs.replace(settings, tenant_limits=own)) as started:
        yield started


@pytest.fixture
async def token(access: Access, tenant: UUID) -> str:
    return await issue(access, tenant, Role.ANALYST)


async def test_answers_tell_what_is_left_and_429_when_to_come_back(narrow: Service, token: str) -> None:
    answers = [await narrow.call("POST", PATH, token, json=BODY) for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert [one.headers["ratelimit-remaining"] for one in answers] == ["1", "0", "0"]
    assert {one.headers["ratelimit-limit"] for one in answers} == {"2"}
    assert all(0 < int(one.headers["ratelimit-reset"]) <= 60 for one in answers)
    refused = answers[2]
    assert 1 <= int(refused.headers["retry-after"]) <= 30
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.json()["error_code"] == "RATE_LIMITED"
    assert refused.json()["retryable"] is True
    assert "x-correlation-id" in refused.headers


async def test_only_one_of_two_at_once_passes_and_the_place_is_given_back(
    narrow: Service, access: Access, settings: Settings
) -> None:
    del settings
    tenant = (await access.tenants.create("slow", actor="test")).tenant_id
    token = await issue(access, tenant, Role.ADMIN)
    put = await narrow.call(
        "PUT",
        "/api/v1/settings",
        token,
        json={"limits": {"concurrent_requests": 1}},
        headers={"If-Match": '"0"'},
    )
    assert put.status_code == 200, put.text
    gate, entered = asyncio.Event(), asyncio.Event()
    says = narrow.detectors[0].detect

    async def slow(*given: Any, **more: Any) -> Any:
        entered.set()
        await gate.wait()
        return await says(*given, **more)

    cast("Any", narrow.detectors[0]).detect = slow
    first = asyncio.create_task(narrow.call("POST", PATH, token, json=BODY))
    await entered.wait()
    assert (await narrow.call("POST", PATH, token, json=BODY)).status_code == 429
    gate.set()
    assert (await first).status_code in (200, 206)
    assert (await narrow.call("POST", PATH, token, json=BODY)).status_code == 200


async def test_body_sent_in_chunks_is_charged_as_well(settings: Settings, tenant: UUID, token: str) -> None:
    own = msgspec.json.encode({str(tenant): {"content_bytes_per_day": 60}}).decode()

    async def chunks() -> AsyncIterator[bytes]:
        yield msgspec.json.encode(BODY | {"content": "x" * 50})

    async with running(msgspec.structs.replace(settings, tenant_limits=own)) as service:
        sent = {"content": chunks(), "headers": {"Content-Type": "application/json"}}
        assert (await service.call("POST", PATH, token, **sent)).status_code == 200
        again = await service.call("POST", PATH, token, json=BODY)
        assert again.status_code == 429
        assert "today" in again.json()["detail"]


async def test_caller_without_a_token_uses_up_nothing(narrow: Service, token: str) -> None:
    for _ in range(5):
        assert (await narrow.call("POST", PATH, json=BODY)).status_code == 401
    assert (await narrow.call("POST", PATH, token, json=BODY)).headers["ratelimit-remaining"] == "1"


async def _published(valkey: Redis) -> None:
    while not await valkey.sismember(REVOKED_SET, SENTINEL):  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.005)


async def test_token_revoked_a_moment_ago_is_refused_and_uses_up_nothing(
    narrow: Service, access: Access, tenant: UUID, token: str, valkey: Redis
) -> None:
    stolen = await issue(access, tenant, Role.ANALYST)
    await _published(valkey)
    token_id = jwt.decode(stolen, options={"verify_signature": False})["jti"]
    await valkey.sadd(REVOKED_SET, token_id)  # as another process does; this one has not read it yet
    for _ in range(5):
        assert (await narrow.call("POST", PATH, stolen, json=BODY)).status_code == 401
    answer = await narrow.call("POST", PATH, token, json=BODY)
    assert (answer.status_code, answer.headers["ratelimit-remaining"]) == (200, "1")


async def test_list_of_revoked_tokens_that_is_not_whole_lets_nobody_pass_unasked(
    limiter: ValkeyLimiter, valkey: Redis
) -> None:
    tenant, limits = uuid4(), Limits(requests_per_minute=1, concurrent_requests=1)
    await valkey.delete(REVOKED_SET)
    for kept in ((), ("revoked",), ("revoked", SENTINEL)):
        if kept:
            await valkey.sadd(REVOKED_SET, *kept)
        assert await limiter.admit_unrevoked(tenant, "revoked", limits, content_bytes=0) is None
    assert await limiter.admit_unrevoked(tenant, "", limits, content_bytes=0) is None
    passed = await limiter.admit_unrevoked(tenant, "another", limits, content_bytes=0)
    assert passed is not None
    assert (passed.exceeded, passed.remaining) == (None, 0), "nothing was counted of the others"
    refused = await limiter.admit_unrevoked(tenant, "another", limits, content_bytes=0)
    assert refused is not None
    assert refused.exceeded is Exceeded.REQUESTS


async def test_where_both_cannot_be_asked_at_once_they_are_asked_apart(
    limiter: ValkeyLimiter, valkey: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant, limits = uuid4(), Limits(concurrent_requests=1)
    first = await limiter.admit(tenant, "key", limits, content_bytes=0)
    await limiter.leave(tenant, first.ticket or "")
    # An access list keeps them apart, as a cluster would whose places they differ in.
    monkeypatch.setattr(rate_limits, "REVOKED_SET", "not ours to read")
    assert await limiter.admit_unrevoked(tenant, "key", limits, content_bytes=0) is None
    monkeypatch.undo()
    await valkey.sadd(REVOKED_SET, SENTINEL)
    again = await limiter.admit_unrevoked(tenant, "key", limits, content_bytes=0)
    assert again is None, "it is not tried a second time"
    assert (await limiter.admit(tenant, "key", limits, content_bytes=0)).exceeded is None


async def test_service_answers_without_valkey(settings: Settings, access: Access, tenant: UUID) -> None:
    token = await issue(access, tenant, Role.ANALYST)
    dead = msgspec.structs.replace(settings, redis_url="redis://127.0.0.1:1")
    async with running(dead) as service:
        answer: httpx.Response = await service.call("POST", PATH, token, json=BODY)
        assert answer.status_code == 200
        assert "ratelimit-limit" not in answer.headers
        registry = service.app.state.metrics.registry
        assert registry.get_sample_value("rate_limit_unavailable_total") == 1
