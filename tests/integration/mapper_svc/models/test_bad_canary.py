"""A canary that does worse takes itself back within a minute, while every request is answered."""

import asyncio
import logging
import random
import time
from collections import Counter
from functools import partial
from typing import Any, Self
from uuid import UUID, uuid4

import pytest

from tests.fixtures.fake_bento import FakeBento
from tests.integration.mapper_svc.models.conftest import (
    EMAIL,
    HARASSMENT,
    A,
    B,
    MakeBento,
    Replica,
    StartReplica,
    always,
    until,
)

MINUTE = 60.0
CLIENTS = 8
# What is wrong with the canary, and what it may be taken back for.
BAD: dict[str, tuple[dict[str, Any], set[str]]] = {
    "fails": ({"status": 500}, {"error_rate"}),
    "is slow": ({"delay_s": 2.0}, {"latency"}),
    "abstains": ({"confidence": 0.1}, {"fallback_rate"}),
    "is sure and wrong": ({"says": HARASSMENT}, {"agreement"}),
}
# A busy machine must not be taken for a bad model: time enough for whoever answers, and room for every call.
PATIENT = {
    "model_budget_ms": 10_000,
    "model_call_timeout_ms": 20_000,
    "model_calls_at_once": 64,
    "trial_latency_slack_ms": 500,
}
_log = logging.getLogger(__name__)


def word() -> str:
    """Return a label that nobody asked about before, so that no cache answers."""
    return " ".join("".join(random.choices("bdfgklmnprst", k=2)) + random.choice("aeiou") for _ in range(4))


class Load:
    """Clients of several tenants that map without a pause, over all replicas."""

    def __init__(self, replicas: list[Replica]) -> None:
        self._replicas = replicas
        self._tenants = [uuid4() for _ in range(20)]
        self._over = asyncio.Event()
        self.statuses: Counter[int] = Counter()
        self.served_by: Counter[str] = Counter()
        self.unheard: Counter[str] = Counter()
        self.slowest = 0.0
        self.arms: dict[UUID, set[str]] = {}

    async def __aenter__(self) -> Self:
        self._clients = [asyncio.create_task(self._run(number)) for number in range(CLIENTS)]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._over.set()
        await asyncio.gather(*self._clients)

    async def _run(self, number: int) -> None:
        while not self._over.is_set():
            replica, tenant = random.choice(self._replicas), random.choice(self._tenants)
            began = time.perf_counter()
            answer = await replica.client.post(
                "/api/v1/map",
                json={"detector": f"acme_guard_{number}", "output": word()},
                headers={"Authorization": f"Bearer {tenant}"},
            )
            self.slowest = max(self.slowest, time.perf_counter() - began)
            self.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                finding = answer.json()["findings"][0]
                model = finding["version_info"]["model"] or "none"
                self.served_by[model] += 1
                self.arms.setdefault(tenant, set()).add(model)
                if "not heard" in finding["notes"]:
                    self.unheard[finding["notes"]] += 1


@pytest.mark.slow
@pytest.mark.parametrize("what", list(BAD))
async def test_bad_canary_rolls_itself_back_within_a_minute_and_no_request_fails(
    start_replica: StartReplica, make_bento: MakeBento, what: str
) -> None:
    fields, reasons = BAD[what]
    good, bad = make_bento(A, delay_s=0.02), make_bento(B)
    async with start_replica(**PATIENT) as one, start_replica(**PATIENT) as two:
        await one.do("", url=good.url)
        await one.do(f"/{A}/activate")
        await one.do("", url=bad.url)
        await until(partial(serves, two, {A}), MINUTE)
        spoil(bad, **fields)
        async with Load([one, two]) as load:
            await asyncio.sleep(1)
            began = time.monotonic()
            await one.do(f"/{B}/canary", percent=40, reason="a deliberately bad one")
            while (await two.states())[B] != "retired":
                assert time.monotonic() - began < MINUTE
                await asyncio.sleep(0.2)
            took = time.monotonic() - began
            await until(lambda: is_left_alone(bad))
        event = (await one.audit())[-1]
        _log.info(
            "a canary that %s was rolled back after %.1f s for %s; %d requests, the slowest %.0f ms, %s",
            what,
            took,
            event["detail"],
            sum(load.statuses.values()),
            load.slowest * 1000,
            dict(load.served_by),
        )
        assert set(load.statuses) == {200}, "no request failed"
        assert not load.unheard, f"each is answered by one of the two versions: {dict(load.unheard)}"
        assert (event["action"], event["actor"], event["subject"]) == ("model.trial_rolled_back", "guard", B)
        assert event["detail"]["reason"] in reasons
        line = f'mapper_model_rollbacks_total{{reason="{event["detail"]["reason"]}"}} 1.0'

        async def one_of_the_two_did_it() -> bool:
            return sum(line in metrics for metrics in (one.metrics(), two.metrics())) == 1

        # It is counted once the change is committed, which the audit log shows a moment before.
        await until(one_of_the_two_did_it)


@pytest.mark.slow
@pytest.mark.timeout(240)
async def test_good_canary_stays_under_the_same_load(
    start_replica: StartReplica, make_bento: MakeBento
) -> None:
    active, tried = make_bento(A, delay_s=0.02), make_bento(B, delay_s=0.02)
    calm = PATIENT | {"trial_patience_ms": 10_000, "trial_latency_slack_ms": 5_000}
    async with start_replica(**calm) as one, start_replica(**calm) as two:
        for bento in (active, tried):
            await one.do("", url=bento.url)
        await one.do(f"/{A}/activate")
        await one.do(f"/{B}/canary", percent=50)
        for replica in (one, two):
            await until(partial(serves, replica, {A, B}), MINUTE)
        async with Load([one, two]) as load:
            await until(lambda: has_seen(one, 100), 2 * MINUTE)
        assert (await one.states())[B] == "canary", (await one.audit())[-1]
        assert (await report_of(one))["treatment"]["errors"] == 0
        assert set(load.statuses) == {200}
        for served_by in load.arms.values():
            assert len(served_by) == 1, f"each tenant keeps its arm: {served_by}, {dict(load.unheard)}"


@pytest.mark.slow
async def test_ab_trial_of_a_worse_version_ends_by_its_test(
    start_replica: StartReplica, make_bento: MakeBento
) -> None:
    # The guard's own limits are set aside, so that it is the test that ends it.
    limits = PATIENT | {"trial_fallback_margin": 1.0, "trial_mirror_share": 1.0}
    active, tried = make_bento(A), make_bento(B, confidence=0.1)
    async with start_replica(**limits) as one, start_replica(**limits) as two:
        for bento in (active, tried):
            await one.do("", url=bento.url)
        await one.do(f"/{A}/activate")
        await one.do(f"/{B}/ab", percent=50)
        async with Load([one, two]) as load:
            began = time.monotonic()
            while (await one.states())[B] != "retired":
                assert time.monotonic() - began < MINUTE
                await asyncio.sleep(0.2)
        assert (await one.audit())[-1]["detail"]["reason"] == "ab_fallback"
        assert set(load.statuses) == {200}
        check = await one.client.get("/api/v1/audit/verify", headers={"Authorization": "Bearer platform"})
        assert check.json()["intact"] is True


def spoil(bento: FakeBento, *, says: str = EMAIL, confidence: float = 0.95, **fields: Any) -> None:
    """Make a server that was registered in good order behave as told."""
    bento.meanings = always(says, confidence)
    for name, value in fields.items():
        setattr(bento, name, value)


async def is_left_alone(bento: FakeBento) -> bool:
    """Tell whether nothing was asked of it for a second, with load on the service."""
    before = len(bento.asked)
    await asyncio.sleep(1)
    return len(bento.asked) == before


async def serves(replica: Replica, models: set[str]) -> bool:
    """Tell whether the replica has heard of the change: among a dozen tenants each version serves some."""
    answers = [await replica.map(uuid4(), word()) for _ in range(12)]
    return {answer["findings"][0]["version_info"]["model"] for answer in answers} == models


async def has_seen(replica: Replica, calls: int) -> bool:
    return bool((await report_of(replica))["treatment"]["calls"] >= calls)


async def report_of(replica: Replica) -> dict[str, Any]:
    return dict((await replica.ask("GET", "/trial")).json())
