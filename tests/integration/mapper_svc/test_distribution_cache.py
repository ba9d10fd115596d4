"""What models said is kept in process and in a real Valkey, under keys that tell nobody what was asked."""

import asyncio
import base64
from array import array
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest
import redis
from redis.asyncio import Redis

from deploy.local import valkey
from mapper_svc.adapters.distribution_cache import PREFIX, CachedDistributions, key_from
from mapper_svc.adapters.valkey import make_valkey
from mapper_svc.domain.label_model import AskedLabel, LabelDistributions, ModelAnswer, ModelVersion
from tests.integration.mapper_svc.stalling_relay import StallingRelay

VERSION = ModelVersion(
    name="n",
    version="v",
    adapter="a",
    base="b",
    taxonomy="2026.11",
    label_tokens="t",
    calibrator="c",
    threshold=0.7,
    engine="transformers",
)
LABELS = ("A", "B", "C")
Stored = Callable[[], dict[str, str]]
ONE, TWO = AskedLabel("presidio", "sunflower field"), AskedLabel(None, "sunflower field")


class Counts:
    def __init__(self) -> None:
        self.found = {"memory": 0, "valkey": 0, "none": 0}

    def distributions_found(self, layer: str, count: int) -> None:
        self.found[layer] += count


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class Process:
    """One process's cache."""

    def __init__(self, client: Redis, key: str = "secret", **settings: Any) -> None:
        self.counts, self.clock = Counts(), Clock()
        given = {"entries": 100, "kept_s": 60} | settings
        self.cache = CachedDistributions(
            client, key, self.counts, labels=len(LABELS), clock=self.clock, **given
        )

    async def put(self, *asked: AskedLabel, version: ModelVersion = VERSION) -> None:
        said = tuple(LabelDistributions([0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0, 0, 1]) for _ in asked)
        await self.cache.put(asked, ModelAnswer(version, LABELS, said))

    async def known(self, *asked: AskedLabel, version: ModelVersion = VERSION) -> list[AskedLabel]:
        return list(await self.cache.get(version, asked))


@pytest.fixture
async def client(empty_valkey: valkey.Cache) -> AsyncIterator[Redis]:
    one = make_valkey(empty_valkey.url("mapper"), timeout_ms=1000)
    yield one
    await one.aclose()


@pytest.fixture
def stored(empty_valkey: valkey.Cache) -> Iterator[Stored]:
    """Everything that is in Valkey."""
    with redis.Redis.from_url(empty_valkey.url(valkey.ADMIN), decode_responses=True) as one:
        yield lambda: {str(key): str(one.get(str(key))) for key in one.scan_iter()}


async def test_what_one_process_heard_another_knows(client: Redis) -> None:
    first, second = Process(client), Process(client)
    await first.put(ONE)
    assert await first.known(ONE, TWO) == [ONE]
    assert first.counts.found == {"memory": 1, "valkey": 0, "none": 1}
    found = await second.cache.get(VERSION, [ONE])
    assert list(found[ONE].combined) == [0.5, 0.25, 0.25]
    assert (list(found[ONE].model), list(found[ONE].head)) == ([0.25, 0.5, 0.25], [0, 0, 1])
    await second.known(ONE)
    assert second.counts.found == {"memory": 1, "valkey": 1, "none": 0}


@pytest.mark.parametrize("part", ["version", "adapter", "taxonomy", "label_tokens", "calibrator"])
async def test_another_version_knows_nothing_of_it(part: str, client: Redis) -> None:
    process = Process(client)
    await process.put(ONE)
    other: dict[str, Any] = {part: "another"}
    assert await process.known(ONE, version=replace(VERSION, **other)) == []
    assert await Process(client).known(ONE, version=replace(VERSION, **other)) == []


async def test_vendor_and_label_are_not_run_together(client: Redis) -> None:
    cache = Process(client).cache
    keys = {
        cache.key_of(VERSION, AskedLabel(vendor, label))
        for vendor, label in [("ab", "c"), ("a", "bc"), (None, "abc"), ("None", "abc"), ('a","', "bc")]
    }
    assert len(keys) == 5


async def test_keys_are_of_this_service_keyed_and_expire(client: Redis, stored: Stored) -> None:
    await Process(client, kept_s=60).put(ONE, TWO)
    keys = stored()
    assert len(keys) == 2
    assert all(key.startswith(PREFIX) and len(key) == len(PREFIX) + 64 for key in keys)
    assert all([0 < await client.ttl(key) <= 60 for key in keys])
    assert await Process(client, key="other secret").known(ONE) == [], "without the key nobody can look it up"


async def test_neither_keys_nor_values_hold_a_label(client: Redis, stored: Stored) -> None:
    process = Process(client)
    await process.put(ONE, TWO)
    there = " ".join([*stored(), *stored().values()]).encode()
    there += b" ".join(base64.b64decode(value) for value in stored().values())
    for trace in (b"sunflower", b"presidio", base64.b64encode(b"sunflower")[:10]):
        assert trace not in there
    assert "sunflower" not in repr(process.cache._kept)


async def test_what_was_kept_too_long_is_forgotten(client: Redis) -> None:
    process = Process(client, kept_s=60)
    await process.put(ONE)
    process.clock.now = 61.0
    await client.delete(PREFIX + process.cache.key_of(VERSION, ONE))
    assert await process.known(ONE) == []


async def test_a_process_keeps_a_bounded_number_the_latest_used(client: Redis) -> None:
    process = Process(client, entries=2)
    third = AskedLabel(None, "third")
    await process.put(ONE, TWO)
    await process.known(ONE)
    await process.put(third)
    assert len(process.cache._kept) == 2
    await client.delete(*(PREFIX + process.cache.key_of(VERSION, one) for one in (ONE, TWO, third)))
    assert await process.known(ONE, TWO, third) == [ONE, third]


@pytest.mark.parametrize(
    "value",
    [
        "",
        "not base64!",
        base64.b64encode(b"short").decode(),
        base64.b64encode(array("f", [1.0] * 9).tobytes()).decode(),
        base64.b64encode(array("f", [float("nan")] * 9).tobytes()).decode(),
        base64.b64encode(array("f", [2.0, -1.0, 0.0] * 3).tobytes()).decode(),
        base64.b64encode(array("f", [1.0, 0.0, 0.0] * 4).tobytes()).decode(),
    ],
)
async def test_a_value_that_is_none_of_ours_is_not_believed(value: str, client: Redis) -> None:
    process = Process(client)
    await client.set(PREFIX + process.cache.key_of(VERSION, ONE), value)
    assert await process.known(ONE) == []


async def test_without_valkey_the_process_knows_what_it_heard() -> None:
    gone = make_valkey("redis://127.0.0.1:1", timeout_ms=100)
    process = Process(gone)
    await process.put(ONE)
    assert await process.known(ONE, TWO) == [ONE]
    await gone.aclose()


async def test_a_valkey_that_went_silent_costs_a_twentieth_of_a_second_once(
    empty_valkey: valkey.Cache,
) -> None:
    relay = StallingRelay("127.0.0.1", empty_valkey.port)
    async with relay.listening():
        url = empty_valkey.url("mapper").replace(f":{empty_valkey.port}", f":{relay.port}")
        client = make_valkey(url, timeout_ms=1000)
        process = Process(client)
        await process.known(ONE)
        relay.stall()
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert await process.known(ONE) == []
        first = loop.time() - began
        for _ in range(20):
            await process.known(ONE)
        assert first < 0.5
        assert loop.time() - began - first < 0.05, "it is left alone for a while"
        relay.flow()
        await client.aclose()


def test_a_key_is_derived_from_a_secret_and_is_not_it() -> None:
    assert key_from("token") == key_from("token") != key_from("token2")
    assert "token" not in key_from("token")
    assert key_from("") == ""


async def test_without_any_secret_two_processes_share_nothing(client: Redis) -> None:
    first, second = Process(client, key=""), Process(client, key="")
    await first.put(ONE)
    assert await second.known(ONE) == []
