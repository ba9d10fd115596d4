"""The whole mapper with a model server: what it adds, and what is left when it goes."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
import redis

from deploy.local import valkey
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import ServiceDsns
from tests.fixtures.fake_bento import TOKEN, FakeBento, running_fake_bento
from tests.integration.mapper_svc.conftest import Mapper, StartMapper, bearer

LABELS = tuple(load_taxonomy("2026.11").labels)
THREAT = "wants to hurt somebody"
MEANINGS = {THREAT: {"HARM.SPEECH.Threat": 0.9}, "sunflower": {"HARM.SPEECH.Insult": 0.9}}


@pytest.fixture
def bento() -> Iterator[FakeBento]:
    with running_fake_bento(LABELS, meanings=MEANINGS) as fake:
        yield fake


Started = Callable[..., Any]


@pytest.fixture
def started(
    bento: FakeBento,
    mapper_database: ServiceDsns,
    start_mapper: StartMapper,
    empty_valkey: valkey.Cache,  # noqa: ARG001 - an earlier test's answers are none of this one's
) -> Started:
    """Start the mapper with the model server, and wait until it is in use unless told otherwise."""

    @asynccontextmanager
    async def start(*, in_use: bool = True, **changes: Any) -> AsyncIterator[Mapper]:
        given = {"model_url": bento.url, "model_token": TOKEN, "model_breaker_open_ms": 300}
        async with start_mapper(mapper_database.runtime, **(given | changes)) as mapper:
            if in_use:
                await until(lambda: ready(mapper, "up"))
            yield mapper

    return lambda **changes: in_own_task(start(**changes))


async def until(met: Callable[[], Any], seconds: float = 15.0) -> None:
    patience = time.monotonic() + seconds
    while not await met():
        assert time.monotonic() < patience, "it never came to it"
        await asyncio.sleep(0.1)


async def ready(mapper: Mapper, state: str) -> bool:
    body = (await mapper.client.get("/health/ready")).json()
    return bool(body["dependencies"]["model"]["status"] == state)


async def map_one(mapper: Mapper, label: str = THREAT) -> tuple[dict[str, Any], dict[str, Any]]:
    answer = await mapper.map({"detector": "in-house", "output": label})
    (finding,) = answer["findings"]
    return answer, finding


async def test_a_finding_of_the_model_says_so(started: Started, bento: FakeBento) -> None:
    async with started() as mapper:
        answer, finding = await map_one(mapper)
        text = mapper.metrics()
    assert (finding["taxonomy"], finding["tier"]) == (["HARM.SPEECH.Threat"], "model")
    assert finding["confidence"] == pytest.approx(0.9, abs=0.01)
    assert finding["provenance"]["model"] == bento.version["name"]
    assert finding["provenance"]["adapter"] == bento.version["adapter"]
    assert finding["version_info"]["model"] == answer["version_info"]["model"] == bento.version["version"]
    assert answer["fallback_used"] is False
    assert 'mapper_model_call_seconds_count{outcome="ok"} 1.0' in text
    assert 'mapper_findings_total{tier="model"} 1.0' in text
    assert 'mapper_model_cache_total{layer="none"} 1.0' in text
    assert f'mapper_model_tokens_total{{tenant="{mapper.tenant}"}} {float(len(THREAT))}' in text
    assert f'mapper_model_tenant_seconds_total{{tenant="{mapper.tenant}"}}' in text


async def test_the_second_time_nobody_is_asked_not_even_by_another_process(
    started: Started, bento: FakeBento
) -> None:
    async with started() as first:
        await map_one(first)
        await map_one(first)
        asked = bento.asked_labels.count(THREAT)
        await asyncio.sleep(0.2)
        async with started() as second:
            _, finding = await map_one(second)
            text = second.metrics()
    assert (finding["tier"], asked, bento.asked_labels.count(THREAT)) == ("model", 1, 1)
    assert 'mapper_model_cache_total{layer="valkey"} 1.0' in text


async def test_warm_answers_take_a_few_milliseconds(started: Started) -> None:
    async with started() as mapper:
        await map_one(mapper)
        took = []
        for _ in range(100):
            began = time.perf_counter()
            await map_one(mapper)
            took.append(time.perf_counter() - began)
    # The claim is ten milliseconds on a machine of its own, which a benchmark shows; here others are at work.
    assert sorted(took)[94] < 0.1


async def test_a_batch_asks_each_label_once(started: Started, bento: FakeBento) -> None:
    async with started() as mapper:
        bento.asked.clear()
        items = [
            {"detector": "in-house", "output": [THREAT, f"thing {'ab' * (n % 3 + 1)} x"]} for n in range(30)
        ]
        answer = await mapper.map({"items": items})
    assert [len(result["findings"]) for result in answer["results"]] == [2] * 30
    assert sorted(bento.asked_labels) == ["thing ab x", "thing abab x", "thing ababab x", THREAT]
    assert len(bento.asked) == 1


async def test_a_mapper_without_its_bento_answers_by_rules_and_says_so(started: Started) -> None:
    async with started(in_use=False, model_url="http://127.0.0.1:1") as mapper:
        answer, finding = await map_one(mapper)
        by_rule = await mapper.map({"detector": "openai_moderation", "output": "harassment"})
        health = await mapper.client.get("/health/ready")
        text = mapper.metrics()
        kept = await mapper.review()
    assert (finding["taxonomy"], finding["tier"]) == (["OTHER.Unknown"], "fallback")
    assert "The model was not heard: it could not be reached." in finding["notes"]
    assert answer["fallback_used"] is True
    assert by_rule["fallback_used"] is False
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert health.json()["dependencies"]["model"]["status"] == "down"
    assert 'mapper_model_not_heard_total{reason="unreachable"} 1.0' in text
    assert [item["raw_label"] for item in kept] == [THREAT]


async def test_a_bento_that_dies_opens_the_breaker_and_comes_back_by_itself(
    started: Started, bento: FakeBento
) -> None:
    async with started(model_breaker_failures=2) as mapper:
        bento.status = 500
        for n in range(3):
            answer, finding = await map_one(mapper, f"thing {'ab' * (n + 1)} x")
            assert answer["fallback_used"] is True
            assert finding["tier"] == "fallback"
        assert "left alone for a while" in finding["notes"]
        assert "mapper_model_breaker_open 1.0" in mapper.metrics()
        bento.status = 200

        async def heard() -> bool:
            return bool((await map_one(mapper))[1]["tier"] == "model")

        await until(heard)
        assert "mapper_model_breaker_open 0.0" in mapper.metrics()


async def test_a_bento_that_hangs_costs_the_budget_and_no_more(started: Started, bento: FakeBento) -> None:
    async with started(model_budget_ms=200, model_call_timeout_ms=400) as mapper:
        bento.hanging = True
        began = time.perf_counter()
        answer, finding = await map_one(mapper)
        assert time.perf_counter() - began < 2
        assert "did not answer in time" in finding["notes"]
        assert answer["fallback_used"] is True


async def test_a_caller_that_says_how_long_it_waits_is_answered_in_that_time(
    started: Started, bento: FakeBento
) -> None:
    async with started(model_budget_ms=10_000, model_call_timeout_ms=20_000) as mapper:
        bento.delay_s = 8.0
        began = time.perf_counter()
        answer = await mapper.client.post(
            "/api/v1/map",
            json={"detector": "in-house", "output": THREAT},
            headers=bearer(mapper.tenant) | {"X-Time-Left-Ms": "250"},
        )
        assert time.perf_counter() - began < 4
        assert answer.json()["fallback_used"] is True
        refused = await mapper.client.post(
            "/api/v1/map",
            json={"detector": "in-house", "output": THREAT},
            headers=bearer(mapper.tenant) | {"X-Time-Left-Ms": "soon"},
        )
        assert refused.status_code == 400


async def test_a_bento_that_is_slow_is_heard_the_next_time(started: Started, bento: FakeBento) -> None:
    async with started(model_budget_ms=100) as mapper:
        bento.delay_s = 0.5
        assert (await map_one(mapper))[1]["tier"] == "fallback"
        await asyncio.sleep(0.8)
        assert (await map_one(mapper))[1]["tier"] == "model"
    assert bento.asked_labels.count(THREAT) == 1


async def test_garbage_is_no_answer(started: Started, bento: FakeBento) -> None:
    async with started() as mapper:
        bento.spoil = lambda _: {"labels": "garbage"}
        answer, finding = await map_one(mapper)
    assert finding["tier"] == "fallback"
    assert "its answer was unusable" in finding["notes"]
    assert answer["fallback_used"] is True


async def test_a_bento_of_another_edition_is_not_used_and_readiness_is_degraded(
    started: Started, bento: FakeBento
) -> None:
    bento.version["taxonomy"] = "2025.01"
    async with started(in_use=False) as mapper:
        await until(lambda: ready(mapper, "down"))
        answer, finding = await map_one(mapper)
        health = await mapper.client.get("/health/ready")
    assert (finding["tier"], answer["fallback_used"]) == ("fallback", True)
    assert (health.status_code, health.json()["status"]) == (200, "degraded")
    assert THREAT not in bento.asked_labels


async def test_a_tenant_that_wants_no_model_is_not_sent_to_it(started: Started, bento: FakeBento) -> None:
    async with started() as mapper:
        body = {"tiers": {"model": False, "semantic": False}}
        answer = await mapper.client.put(
            "/api/v1/settings", json=body, headers=bearer(mapper.tenant) | {"If-Match": '"0"'}
        )
        assert answer.is_success, answer.text
        bento.asked.clear()
        mapped, finding = await map_one(mapper)
        assert (finding["tier"], bento.asked) == ("fallback", [])
        assert "not heard" not in finding["notes"]
        other = await mapper.map({"detector": "in-house", "output": THREAT}, tenant=mapper.other)
        assert other["findings"][0]["tier"] == "model"
    assert mapped["version_info"]["model"] is None


@pytest.mark.parametrize("fault", ["none", "failing", "garbage", "hanging"])
async def test_no_label_is_in_logs_metrics_or_valkey(
    fault: str,
    started: Started,
    bento: FakeBento,
    empty_valkey: valkey.Cache,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    async with started(model_budget_ms=200, model_call_timeout_ms=300) as mapper:
        bento.status = 500 if fault == "failing" else 200
        bento.hanging = fault == "hanging"
        bento.spoil = (lambda _: {"items": "sunflower"}) if fault == "garbage" else None
        for _ in range(2):
            await map_one(mapper, "sunflower")
        await asyncio.sleep(0.5)
        said = mapper.metrics() + caplog.text + " ".join(str(vars(one)) for one in caplog.records)
    with redis.Redis.from_url(empty_valkey.url(valkey.ADMIN), decode_responses=True) as client:
        keys = [str(key) for key in client.scan_iter("mapper:*")]
        kept = " ".join(keys + [str(client.get(key)) for key in keys if client.type(key) == "string"])
    assert bool([key for key in keys if "distribution" in key]) is (fault == "none")
    assert "sunflower" not in said + kept


async def test_nothing_that_looks_like_content_is_sent_to_the_bento(
    started: Started, bento: FakeBento
) -> None:
    async with started() as mapper:
        await map_one(mapper, "leak of eve@example.com to card 4111 1111 1111 1111")
        await map_one(mapper, "eve@example.com")
    assert "leak of [email] to card [number]" in bento.asked_labels
    assert not any("eve" in label or "4111" in label for label in bento.asked_labels)
