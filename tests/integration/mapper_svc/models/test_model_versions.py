"""Versions of the model, from registration to retirement, over the API of a real service."""

import asyncio
import random
import string
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from mapper_svc.settings import example_settings
from tests.fixtures.databases import ServiceDsns
from tests.integration.mapper_svc.models.conftest import (
    EMAIL,
    HARASSMENT,
    A,
    B,
    C,
    MakeBento,
    Replica,
    StartReplica,
    until,
)


async def activate(replica: Replica, url: str, release: str) -> None:
    await replica.do("", url=url)
    await replica.do(f"/{release}/activate", reason="test")


async def test_version_is_registered_activated_and_named_in_every_answer(
    replica: Replica, make_bento: MakeBento
) -> None:
    bento = make_bento(A)
    before = await replica.map(uuid4(), "kontaktadresse")
    assert before["version_info"]["model"] is None
    made = await replica.ask("POST", url=bento.url)
    assert (made.status_code, made.json()["state"], made.json()["version"]) == (201, "candidate", A)
    again = await replica.ask("POST", url=f"{bento.url}/")
    assert again.status_code == 201, "a second time is no fault"
    state = await replica.do(f"/{A}/activate", reason="gates passed")
    assert (state["active"], state["models"][0]["percent"]) == (A, 100)
    finding = (await replica.map(uuid4(), "kontaktadresse"))["findings"][0]
    assert (finding["taxonomy"], finding["tier"]) == ([EMAIL], "model")
    assert A in finding["version_info"]["model"]
    assert finding["provenance"]["adapter"] == f"{A}0000"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": {"taxonomy": "2025.01"}}, "2025.01"),
        ({"version": {"version": "latest"}}, "twelve"),
        ({"labels": ["PII.Made.Up"]}, "labels"),
        ({"token": "another"}, "token"),
        ({"spoil": lambda _: b"<html>"}, "no model server"),
        ({"status": 404}, "404"),
    ],
)
async def test_server_that_cannot_be_used_is_refused_with_its_reason(
    replica: Replica, make_bento: MakeBento, changes: dict[str, Any], words: str
) -> None:
    bento = make_bento(A, **changes)
    answer = await replica.ask("POST", url=bento.url)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert words in answer.json()["detail"]
    assert (await replica.state())["models"] == []


async def test_server_that_is_away_or_not_ready_can_be_tried_again(
    replica: Replica, make_bento: MakeBento
) -> None:
    away = await replica.ask("POST", url="http://127.0.0.1:9")
    loading = await replica.ask("POST", url=make_bento(A, status=503).url)
    for answer in (away, loading):
        assert (answer.status_code, answer.json()["retryable"]) == (503, True)


@pytest.mark.parametrize(
    "body",
    [
        {"url": "http://10.0.0.1:80"},
        {"url": "http://169.254.169.254/latest/meta-data"},
        {"url": "http://127.0.0.1:8090", "token_env": "MAPPER_DATABASE_URL"},
        {"url": "http://127.0.0.1:8090", "token_env": "NOWHERE_SERVICE_TOKEN"},
        {"url": ""},
        {"url": "http://127.0.0.1:8090", "token": "x"},
        {},
    ],
)
async def test_address_and_token_that_are_not_the_platforms_to_choose(
    replica: Replica, body: dict[str, str]
) -> None:
    answer = await replica.ask("POST", **body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")


async def test_token_of_its_own_is_read_from_the_environment(
    replica: Replica, make_bento: MakeBento, monkeypatch: pytest.MonkeyPatch, mapper_database: ServiceDsns
) -> None:
    monkeypatch.setenv("NEXT_SERVICE_TOKEN", "of the next one")
    bento = make_bento(A, token="of the next one")
    assert (await replica.ask("POST", url=bento.url)).status_code == 400
    await replica.do("", url=bento.url, token_env="NEXT_SERVICE_TOKEN")
    await replica.do(f"/{A}/activate")
    assert (await replica.map(uuid4(), "eigenes token"))["findings"][0]["tier"] == "model"
    with psycopg.connect(mapper_database.admin) as admin:
        kept = admin.execute("SELECT version::text || url || token_env FROM mapper.model_versions").fetchall()
    assert "of the next one" not in str(kept) + str(await replica.audit())


CHANGES = ["", f"/{A}/activate", f"/{A}/canary", f"/{A}/shadow", f"/{A}/ab", "/rollback", "/abort"]


@pytest.mark.parametrize("path", CHANGES)
async def test_only_the_platform_changes_anything(replica: Replica, path: str) -> None:
    bodies: dict[str, dict[str, Any]] = {
        "": {"url": "http://127.0.0.1:9"},
        f"/{A}/canary": {"percent": 5},
        f"/{A}/ab": {"percent": 5},
    }
    tenant = uuid4()
    for token in (tenant, f"widened/{tenant}"):
        answer = await replica.ask("POST", path, whose=token, **bodies.get(path, {}))
        assert (answer.status_code, answer.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    assert await replica.audit() == []


async def test_tenants_see_versions_and_not_where_they_run(replica: Replica, make_bento: MakeBento) -> None:
    await activate(replica, make_bento(A).url, A)
    for path in ("", f"/{A}"):
        answer = await replica.ask("GET", path, whose=uuid4())
        assert answer.status_code == 200
        assert A in answer.text
        assert "127.0.0.1" not in answer.text


async def test_any_of_the_last_three_comes_back_at_once_and_everything_is_audited(
    replica: Replica, make_bento: MakeBento
) -> None:
    releases = [A, B, C, "d" * 12, "e" * 12]
    for release in releases:
        await activate(replica, make_bento(release).url, release)
    state = await replica.state()
    assert (state["active"], state["previous"]) == ("e" * 12, ["d" * 12, C, B])
    assert (await replica.states())[A] == "retired"
    refused = await replica.ask("POST", "/rollback", version=A)
    assert (refused.status_code, refused.json()["error_code"]) == (409, "CONFLICT")
    state = await replica.do("/rollback", version=B, reason="complaints")
    assert state["active"] == B
    finding = (await replica.map(uuid4(), "after the roll-back"))["findings"][0]
    assert B in finding["version_info"]["model"]
    events = await replica.audit()
    assert [event["action"] for event in events].count("model.registered") == 5
    last = events[-1]
    assert (last["action"], last["subject"], last["actor"]) == ("model.rolled_back", B, "ann")
    assert last["detail"] == {"before": "e" * 12, "reason": "complaints"}
    check = await replica.client.get("/api/v1/audit/verify", headers={"Authorization": "Bearer platform"})
    assert check.json()["intact"] is True
    assert check.json()["events"] == len(events) == 11


async def test_unknown_and_malformed_versions_are_told_apart(replica: Replica) -> None:
    for method, path, status in (
        ("GET", f"/{A}", 404),
        ("POST", f"/{A}/activate", 404),
        ("GET", "/nonsense", 400),
        ("POST", "/nonsense/activate", 400),
        ("GET", "/trial", 404),
        ("POST", "/abort", 409),
        ("POST", "/rollback", 409),
    ):
        assert (await replica.ask(method, path)).status_code == status, path


@pytest.mark.parametrize("percent", [0, 100, -1, 1.5, "10", None])
async def test_share_is_a_whole_percentage_below_everybody(replica: Replica, percent: object) -> None:
    answer = await replica.ask("POST", f"/{A}/canary", percent=percent)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "percent")


async def test_canary_serves_its_share_of_tenants_and_each_keeps_its_arm(
    replica: Replica, make_bento: MakeBento, start_replica: StartReplica, tenants: list[UUID]
) -> None:
    await activate(replica, make_bento(A).url, A)
    await replica.do("", url=make_bento(B, HARASSMENT).url)
    # The test is of arms, not of the guard, which would take a version back that contradicts the other.
    state = await replica.do(f"/{B}/canary", percent=50, reason="first tenants")
    assert {model["version"]: model["percent"] for model in state["models"]} == {A: 50, B: 50}

    async def arms(one: Replica, label: str) -> dict[UUID, str]:
        answers = await asyncio.gather(*(one.map(tenant, label) for tenant in tenants[:8]))
        return {
            tenant: answer["findings"][0]["version_info"]["model"]
            for tenant, answer in zip(tenants, answers, strict=False)
        }

    first = await arms(replica, "etikett 1")
    assert len(set(first.values())) == 2, "eight tenants at one half are in one arm once in 128 trials"
    assert await arms(replica, "etikett 2") == first
    async with start_replica() as other:
        await until(lambda: _serves(other, A))
        assert await arms(other, "etikett 3") == first
    state = await replica.do("/abort", reason="seen enough")
    assert state["trial"] is None
    assert set((await arms(replica, "etikett 4")).values()) == {
        next(iter(v for v in first.values() if A in v))
    }


async def _serves(replica: Replica, release: str) -> bool:
    # A name not asked about before, of letters alone: what reads as a code is not asked about.
    name = "".join(random.choices(string.ascii_lowercase, k=12))
    answer = await replica.map(uuid4(), f"etikett {name}")
    return release in str(answer["findings"][0]["version_info"]["model"])


async def test_shadow_changes_no_answer_and_is_compared(replica: Replica, make_bento: MakeBento) -> None:
    await activate(replica, make_bento(A).url, A)
    shadow = make_bento(B, HARASSMENT, delay_s=0.05)
    await replica.do("", url=shadow.url)
    await replica.do(f"/{B}/shadow", reason="look first")
    for number in range(10):
        answer = await replica.map(uuid4(), f"schattenlabel {number}")
        assert answer["findings"][0]["taxonomy"] == [EMAIL]
        assert A in answer["findings"][0]["version_info"]["model"]

    async def compared() -> bool:
        report = (await replica.ask("GET", "/trial")).json()
        return int(report["pairs"]) == 10

    await until(compared)
    report = (await replica.ask("GET", "/trial")).json()
    assert (report["trial"]["kind"], report["both_sure"], report["agreed"]) == ("shadow", 10, 0)
    assert report["treatment"]["p95_ms"] >= 50
    assert len(shadow.asked) == 11, "ten labels, and one when it was registered"


async def test_change_reaches_another_replica_within_a_second(
    replica: Replica, make_bento: MakeBento, start_replica: StartReplica
) -> None:
    one, two = make_bento(A), make_bento(B, HARASSMENT)
    await activate(replica, one.url, A)
    await replica.do("", url=two.url)
    async with start_replica(model_poll_ms=60_000) as other:
        await until(lambda: _serves(other, A))
        await replica.do(f"/{B}/activate")
        assert await until(lambda: _serves(other, B), 5) < 1.0, "by news alone"


async def test_change_reaches_another_replica_within_a_second_without_valkey(
    make_bento: MakeBento, start_replica: StartReplica
) -> None:
    one, two = make_bento(A), make_bento(B, HARASSMENT)
    async with (
        start_replica(redis_url="redis://127.0.0.1:1", redis_timeout_ms=50) as replica,
        start_replica(redis_url="redis://127.0.0.1:1", redis_timeout_ms=50) as other,
    ):
        await activate(replica, one.url, A)
        await replica.do("", url=two.url)
        await until(lambda: _serves(other, A))
        await replica.do(f"/{B}/activate")
        assert await until(lambda: _serves(other, B), 5) < 1.0, "by looking alone"


async def test_server_of_the_settings_is_taken_when_it_comes_up_and_a_persons_choice_stays(
    make_bento: MakeBento, start_replica: StartReplica
) -> None:
    bento = make_bento(A, status=503)
    async with start_replica(model_url=bento.url) as replica:
        early = await replica.map(uuid4(), "noch nicht da")
        assert early["fallback_used"] is True, "rules answer and say so"
        bento.status = 200
        await until(lambda: _serves(replica, A))
        state = await replica.state()
        assert (state["active"], state["models"][0]["source"]) == (A, "config")
        events = [(event["actor"], event["action"]) for event in await replica.audit()]
        assert events == [("config", "model.registered"), ("config", "model.activated")]
        bento.version = {**bento.version, "version": B, "adapter": "b" * 16}
        await until(lambda: _serves(replica, B))
        assert (await replica.state())["previous"] == [A]
        other = make_bento(C, HARASSMENT)
        await activate(replica, other.url, C)
    async with start_replica(model_url=bento.url) as replica:
        await until(lambda: _serves(replica, C))
        await asyncio.sleep(1.5)
        assert (await replica.state())["active"] == C


async def test_two_replicas_that_come_up_at_once_adopt_one_version_once(
    make_bento: MakeBento, start_replica: StartReplica
) -> None:
    bento = make_bento(A)
    async with start_replica(model_url=bento.url) as one, start_replica(model_url=bento.url) as two:
        await until(lambda: _serves(one, A))
        await until(lambda: _serves(two, A))
        assert len(await one.audit()) == 2


async def test_server_that_was_given_another_release_is_not_mistaken_for_the_registered_one(
    replica: Replica, make_bento: MakeBento
) -> None:
    bento = make_bento(A)
    await activate(replica, bento.url, A)
    bento.version = {**bento.version, "version": B, "adapter": "b" * 16}
    answer = await replica.map(uuid4(), "wer antwortet da")
    assert answer["fallback_used"] is True
    assert B not in str(answer)


async def test_feedback_is_counted_for_the_version_that_serves_the_tenant(
    replica: Replica, make_bento: MakeBento
) -> None:
    tenant = uuid4()
    early = await replica.ask("POST", "/feedback", whose=tenant, version=A, right=True)
    assert early.json() == {"counted": False}
    await activate(replica, make_bento(A).url, A)
    await replica.do("", url=make_bento(B).url)
    await replica.do(f"/{B}/ab", percent=50)
    counted = [
        (await replica.ask("POST", "/feedback", whose=tenant, version=release, right=False)).json()["counted"]
        for release in (A, B)
    ]
    assert sorted(counted) == [False, True]

    async def told() -> bool:
        report = (await replica.ask("GET", "/trial")).json()
        return int(report["control"]["wrong"] + report["treatment"]["wrong"]) == 1

    await until(told)


async def test_database_that_is_gone_takes_no_model_away(
    make_bento: MakeBento, start_replica: StartReplica, mapper_database: ServiceDsns
) -> None:
    bento = make_bento(A)
    async with start_replica() as replica:
        await activate(replica, bento.url, A)
        with psycopg.connect(mapper_database.admin, autocommit=True) as admin:
            admin.execute("ALTER ROLE mapper_runtime NOLOGIN")
            admin.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'mapper_runtime'"
            )
            try:
                await asyncio.sleep(1.0)
                assert await _serves(replica, A)
                answer = await replica.ask("POST", f"/{A}/activate")
                assert answer.status_code == 503
            finally:
                admin.execute("ALTER ROLE mapper_runtime LOGIN")
        await until(lambda: _answers(replica))


async def _answers(replica: Replica) -> bool:
    return (await replica.ask("GET")).status_code == 200


def test_default_hosts_are_this_machine_alone() -> None:
    assert example_settings().model_hosts == "loopback"
