"""The response cache on a real Valkey: what others put there is not used, and without it nothing fails."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import httpx
import msgspec
import pytest
from prometheus_client import generate_latest
from redis.asyncio import Redis

from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.seen_store import LARGEST, PREFIX
from orchestration_svc.app import create_app
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.downstream import MapperAnswer
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import Service, issue, lifespan
from tests.unit.orchestration_svc.fakes import FakeAnalysis, FakeDetector, FakeDirectory, FakeMapper

TEXT = "the launch code is 0000-kestrel"


class VersionedMapper(FakeMapper):
    """Says what it maps with, in answers and when asked; slowly or not at all when told to."""

    version: str | None = "v1"

    async def map(self, *asked: Any, **named: Any) -> MapperAnswer:
        return replace(await super().map(*asked, **named), mapping_version=self.version)

    async def mapping_version(self, *, tenant_id: UUID, timeout_s: float) -> str | None:  # noqa: ARG002
        return self.version


@dataclass
class Caching(Service):
    """The service, its Valkey and what its cache did."""

    valkey: Redis = field(kw_only=True)

    async def ask(self, token: str, **body: Any) -> dict[str, Any]:
        answer = await self.call("POST", "/api/v1/orchestrate", token, json={"content": TEXT} | body)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def kept(self, count: int = 1) -> list[str]:
        """Return the names of entries once so many are there: they are written behind the answer."""
        while len(names := [name async for name in self.valkey.scan_iter(f"{PREFIX}:*")]) < count:
            pass
        return names

    def counted(self, outcome: str) -> float:
        sample = f'orchestrate_cache_lookups_total{{outcome="{outcome}"}}'
        lines = generate_latest(self.app.state.metrics.registry).decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if line.startswith(sample))


@asynccontextmanager
async def started(settings: Settings, valkey: Redis) -> AsyncIterator[Caching]:
    mapper, analysis = VersionedMapper(), FakeAnalysis()
    detectors = [FakeDetector("alpha", says=["EMAIL"])]
    app = create_app(
        settings,
        directory=FakeDirectory(*detectors),
        mapper=mapper,
        analysis=analysis,
        mapping_versions=mapper,
    )
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)  # type: ignore[arg-type]
    async with (
        lifespan(app),
        httpx.AsyncClient(transport=transport, base_url="http://service") as client,
    ):
        yield Caching(app, client, mapper, analysis, detectors, valkey=valkey)


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return msgspec.structs.replace(settings, response_cache_s=300)


@pytest.fixture
async def caching(settings: Settings, valkey: Redis) -> AsyncIterator[Caching]:
    async with started(settings, valkey) as running:
        yield running


@pytest.fixture
async def token(access: Access, tenant: UUID) -> str:
    return await issue(access, tenant, Role.ANALYST)


@pytest.fixture
async def hostile(access: Access) -> str:
    return await issue(access, (await access.tenants.create("hostile", actor="test")).tenant_id, Role.ADMIN)


async def test_a_text_that_comes_again_is_answered_from_valkey_and_says_so(
    caching: Caching, token: str
) -> None:
    first = await caching.ask(token)
    await caching.kept()
    again = await caching.ask(token)
    assert (first["cached_at"], again["cached_at"]) == (None, first["timestamp"])
    told = {"request_id", "timestamp", "cached_at"}
    assert {name for name in first if first[name] != again[name]} == told
    assert len(caching.detectors[0].contexts) == 1
    assert [str(question.request_id) for question, _, _ in caching.analysis.asked] == [
        first["request_id"],
        again["request_id"],
    ]
    assert (caching.counted("miss"), caching.counted("hit")) == (1, 1)


async def test_valkey_holds_neither_the_text_nor_a_hash_that_anybody_could_make(
    caching: Caching, token: str, tenant: UUID, valkey: Redis
) -> None:
    await caching.ask(token)
    (name,) = await caching.kept()
    sealed = await valkey.execute_command("GET", name, NEVER_DECODE=True)  # type: ignore[no-untyped-call]
    assert b"kestrel" not in sealed
    assert b"EMAIL" not in sealed, "what was found is sealed, too"
    assert str(name).startswith(f"{PREFIX}:{tenant}:")
    assert 0 < await valkey.ttl(name) <= 300


async def test_another_tenant_is_answered_by_its_own_detectors_even_over_a_copied_entry(
    caching: Caching, token: str, hostile: str, valkey: Redis
) -> None:
    await caching.ask(token)
    (others,) = await caching.kept()
    assert (await caching.ask(hostile))["cached_at"] is None
    names = await caching.kept(2)
    (own,) = set(names) - {others}
    await valkey.copy(others, own, replace=True)
    assert (await caching.ask(hostile))["cached_at"] is None
    assert len(caching.detectors[0].contexts) == 3


@pytest.mark.parametrize("garbage", [b"", b"\xff\xfe\x00", b"x" * 60, b"\x00" * (LARGEST + 100)])
async def test_what_others_wrote_there_is_not_used_and_breaks_nothing(
    caching: Caching, token: str, valkey: Redis, garbage: bytes
) -> None:
    await caching.ask(token)
    (name,) = await caching.kept()
    await valkey.set(name, garbage)
    assert (await caching.ask(token))["cached_at"] is None


async def test_a_value_of_another_kind_costs_the_cache_and_no_answer(
    caching: Caching, token: str, valkey: Redis
) -> None:
    await caching.ask(token)
    (name,) = await caching.kept()
    await valkey.delete(name)
    await valkey.lpush(name, "a list")
    assert (await caching.ask(token))["cached_at"] is None
    assert caching.counted("unavailable") == 1


async def test_without_valkey_texts_are_looked_at_and_nothing_fails(
    settings: Settings, valkey: Redis, token: str
) -> None:
    async def hold(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()  # takes what comes and says nothing
        writer.close()

    silent = await asyncio.start_server(hold, "127.0.0.1", 0)
    port = silent.sockets[0].getsockname()[1]
    async with silent, started(redirected(settings, port), valkey) as service:
        for _ in range(2):
            assert (await service.ask(token))["cached_at"] is None
        assert service.counted("unavailable") == 2


async def test_entries_that_do_not_get_through_hold_up_neither_limits_nor_revocations(
    settings: Settings, valkey: Redis, token: str
) -> None:
    there = urlsplit(settings.redis_url).port
    stuck = asyncio.Event()

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, back = await asyncio.open_connection("127.0.0.1", there)
        passing = asyncio.create_task(pass_on(answers, writer))
        while data := await reader.read(65_536):
            if PREFIX.encode() in data:
                stuck.set()
                await reader.read()  # from here on this connection says nothing more
                break
            back.write(data)
        passing.cancel()
        back.close()
        writer.close()

    async def pass_on(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        while data := await source.read(65_536):
            sink.write(data)

    between = await asyncio.start_server(relay, "127.0.0.1", 0)
    url = settings.redis_url.replace(f":{there}", f":{between.sockets[0].getsockname()[1]}")
    # So long a round trip may take that whoever waits for the stuck one waits in vain.
    patient = msgspec.structs.replace(settings, redis_url=url, redis_timeout_ms=600_000)
    async with between, started(patient, valkey) as service:
        async with asyncio.timeout(60):
            for _ in range(3):
                assert (await service.ask(token))["cached_at"] is None
        assert stuck.is_set()
        lines = generate_latest(service.app.state.metrics.registry).decode().splitlines()
        assert "rate_limit_unavailable_total 0.0" in lines


def redirected(settings: Settings, port: int) -> Settings:
    return msgspec.structs.replace(settings, redis_url=f"redis://127.0.0.1:{port}")


async def test_a_tenant_and_the_operator_can_switch_it_off(
    caching: Caching, settings: Settings, valkey: Redis, admin: str, token: str
) -> None:
    put = await caching.call(
        "PUT", "/api/v1/settings", admin, json={"response_cache": False}, headers={"If-Match": '"0"'}
    )
    assert put.json()["effective"]["response_cache"] is False
    for _ in range(2):
        assert (await caching.ask(token))["cached_at"] is None
    off = msgspec.structs.replace(settings, response_cache_s=0)
    async with started(off, valkey) as service:
        for _ in range(2):
            assert (await service.ask(token, auto_map=False))["cached_at"] is None
    assert [name async for name in valkey.scan_iter(f"{PREFIX}:*")] == []
