"""Labels that no rule knows are kept for a person: counted, bounded, scrubbed and apart by tenant."""

import asyncio
import time

import psycopg
import pytest

from mapper_svc.adapters import review_repository
from tests.fixtures.databases import ServiceDsns
from tests.integration.mapper_svc.conftest import Mapper, StartMapper, bearer
from tests.integration.mapper_svc.stalling_relay import stalling

DEAD = "postgresql+psycopg://nobody@127.0.0.1:1/none"


def unknown(label: str) -> dict[str, object]:
    return {"detector": "openai_moderation", "output": label}


async def test_unknown_label_is_kept_and_counted_when_seen_again(mapper: Mapper) -> None:
    for _ in range(3):
        await mapper.map(unknown("brand-new-harm"))
    (item,) = await mapper.review()
    assert (item["vendor"], item["raw_label"], item["occurrences"]) == (
        "openai_moderation",
        "brand-new-harm",
        3,
    )
    assert item["first_seen"] < item["last_seen"]


async def test_known_labels_are_not_kept(mapper: Mapper) -> None:
    await mapper.map({"detector": "openai_moderation", "output": "harassment"})
    await mapper.map({"detector": "detect_secrets", "output": []})
    assert await mapper.review() == []


async def test_labels_of_a_batch_are_kept_in_one_go(mapper: Mapper) -> None:
    items = [unknown(f"label-{number % 40}") for number in range(100)]
    await mapper.map({"items": items})
    kept = {item["raw_label"]: item["occurrences"] for item in await mapper.review()}
    assert len(kept) == 40
    assert sum(kept.values()) == 100


async def test_last_seen_comes_first_and_the_page_is_bounded(mapper: Mapper) -> None:
    for label in ("first-one", "second-one", "third-one", "first-one"):
        await mapper.map(unknown(label))
    assert [item["raw_label"] for item in await mapper.review(limit=2)] == ["first-one", "third-one"]
    for limit in (0, 501, -1, "x"):
        answer = await mapper.client.get(f"/api/v1/review?limit={limit}", headers=bearer(mapper.tenant))
        assert answer.status_code == 400
        assert answer.json()["errors"][0]["field"] == "limit"


async def test_what_looks_like_content_is_scrubbed_before_it_is_kept(mapper: Mapper) -> None:
    labels = [
        "leak of eve@example.com",
        "card 4111 1111 1111 1111",
        "key AKIAIOSFODNN7EXAMPLE",
        "see https://intern.example/secret?x=1",
        "this is a whole sentence that somebody wrote in the text",
    ]
    for label in labels:
        await mapper.map(unknown(label))
    kept = [item["raw_label"] for item in await mapper.review()]
    for word in ("eve", "4111", "AKIA", "intern", "somebody"):
        assert not [label for label in kept if word in label], word
    assert max(map(len, kept)) <= 200
    assert len(kept) == len(labels)


async def test_tenants_see_only_their_own(mapper: Mapper) -> None:
    await mapper.map(unknown("ours-alone"))
    await mapper.map(unknown("theirs-alone"), tenant=mapper.other)
    assert [item["raw_label"] for item in await mapper.review()] == ["ours-alone"]
    assert [item["raw_label"] for item in await mapper.review(mapper.other)] == ["theirs-alone"]


async def test_full_queue_counts_what_it_knows_and_takes_nothing_new(
    mapper: Mapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_repository, "MAX_ITEMS_PER_TENANT", 3)
    for number in range(5):
        await mapper.map(unknown(f"flood-number-{number}"))
    await mapper.map({"items": [unknown("flood-number-0"), unknown("another-one")]})
    await mapper.map(unknown("another-one"), tenant=mapper.other)
    kept = {item["raw_label"]: item["occurrences"] for item in await mapper.review()}
    assert kept == {"flood-number-0": 2, "flood-number-1": 1, "flood-number-2": 1}
    assert len(await mapper.review(mapper.other)) == 1, "one tenant's flood costs no other"


async def test_one_request_does_not_overfill_the_queue(
    mapper: Mapper, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(review_repository, "MAX_ITEMS_PER_TENANT", 10)
    await mapper.map({"items": [unknown(f"flood-number-{number}") for number in range(100)]})
    assert len(await mapper.review()) <= 10


async def test_requests_at_once_lose_no_count_and_deadlock_never(mapper: Mapper) -> None:
    labels = ["label-a", "label-b", "label-c"]
    forth, back = ({"items": [unknown(label) for label in order]} for order in (labels, labels[::-1]))
    await asyncio.gather(*(mapper.map(body) for _ in range(8) for body in (forth, back)))
    await until(mapper, dict.fromkeys(labels, 16))


async def until(mapper: Mapper, expected: dict[str, int]) -> None:
    """Wait until the queue holds this: what takes longer than a request waits is kept a little later."""
    deadline = time.monotonic() + 10
    while (kept := {item["raw_label"]: item["occurrences"] for item in await mapper.review()}) != expected:
        assert time.monotonic() < deadline, kept
        await asyncio.sleep(0.1)


async def test_database_away_costs_the_queue_and_not_the_answer(start_mapper: StartMapper) -> None:
    async with start_mapper(DEAD) as mapper:
        answer = await mapper.map(unknown("never-heard-of"))
        assert answer["findings"][0]["taxonomy"] == ["OTHER.Unknown"]
        assert "mapper_review_not_kept_total 1.0" in mapper.metrics()
        page = await mapper.client.get("/api/v1/review", headers=bearer(mapper.tenant))
        assert (page.status_code, page.json()["retryable"]) == (503, True)


async def test_database_that_hangs_costs_half_a_second_at_most_and_no_label(
    mapper_database: ServiceDsns, start_mapper: StartMapper
) -> None:
    async with stalling(mapper_database.runtime) as (relay, url), start_mapper(url) as mapper:
        await mapper.map(unknown("before-the-silence"))
        relay.stall()
        for label in ("into-the-silence", "on-a-new-connection"):
            started = time.perf_counter()
            await mapper.map(unknown(label))
            assert time.perf_counter() - started < 4
        relay.flow()
        await mapper.map(unknown("after-the-silence"))
        labels = ("before-the-silence", "into-the-silence", "on-a-new-connection", "after-the-silence")
        await until(mapper, dict.fromkeys(labels, 1))
        assert "mapper_review_not_kept_total 0.0" in mapper.metrics()


async def test_database_that_hangs_for_long_is_not_waited_for_by_ever_more_work(
    mapper_database: ServiceDsns, start_mapper: StartMapper
) -> None:
    async with stalling(mapper_database.runtime) as (relay, url), start_mapper(url) as mapper:
        relay.stall()
        started = time.perf_counter()
        await asyncio.gather(*(mapper.map(unknown(f"label-{number}")) for number in range(100)))
        assert time.perf_counter() - started < 5
        assert "mapper_review_not_kept_total 36.0" in mapper.metrics(), "64 wait, the others are counted"
        relay.flow()


async def test_locked_table_costs_half_a_second_at_most_and_no_label(
    mapper: Mapper, mapper_database: ServiceDsns
) -> None:
    with psycopg.connect(mapper_database.admin) as admin:
        admin.execute("LOCK TABLE mapper.review_items IN ACCESS EXCLUSIVE MODE")
        started = time.perf_counter()
        await mapper.map(unknown("while-it-is-locked"))
        assert time.perf_counter() - started < 4
        admin.rollback()
    await mapper.map(unknown("after-it-was-locked"))
    await until(mapper, {"while-it-is-locked": 1, "after-it-was-locked": 1})


@pytest.mark.parametrize(
    ("forbid", "allow"),
    [
        (
            "ALTER ROLE mapper_runtime SET default_transaction_read_only = on",
            "ALTER ROLE mapper_runtime RESET default_transaction_read_only",
        ),
        (
            "REVOKE INSERT ON mapper.review_items FROM mapper_runtime",
            "GRANT INSERT ON mapper.review_items TO mapper_runtime",
        ),
    ],
    ids=["read-only", "no right to write"],
)
async def test_database_that_takes_no_writes_costs_the_queue_and_not_the_answer(
    forbid: str, allow: str, mapper_database: ServiceDsns, start_mapper: StartMapper
) -> None:
    with psycopg.connect(mapper_database.admin, autocommit=True) as admin:
        admin.execute(forbid)
        try:
            async with start_mapper(mapper_database.runtime) as mapper:
                answer = await mapper.map(unknown("never-written"))
                assert answer["findings"][0]["taxonomy"] == ["OTHER.Unknown"]
                assert await mapper.review() == []
                assert "mapper_review_not_kept_total 1.0" in mapper.metrics()
        finally:
            admin.execute(allow)


async def test_any_detector_name_that_the_api_takes_can_be_kept(mapper: Mapper) -> None:
    names = ["a@b," * 12 + " )" * 2 + "a@b", "x" * 128, "granite-guardian-hap-99b", "\U0001f600" * 128]
    for name in names:
        await mapper.map({"detector": name, "output": "unheard-of"})
    assert {item["vendor"] for item in await mapper.review()} == set(names)


async def test_pages_follow_each_other_without_gap_or_repetition(mapper: Mapper) -> None:
    await mapper.map({"items": [unknown(f"at-once-number-{number}") for number in range(7)]})
    for number in range(4):
        await mapper.map(unknown(f"one-by-one-number-{number}"))
    everything = [item["item_id"] for item in await mapper.review()]
    assert len(everything) == 11
    paged, path = [], "/api/v1/review?limit=3"
    for _ in range(4):
        body = (await mapper.client.get(path, headers=bearer(mapper.tenant))).json()
        paged += [item["item_id"] for item in body["items"]]
        path = f"/api/v1/review?limit=3&cursor={body['next_cursor']}"
    assert body["next_cursor"] is None
    assert paged == everything


@pytest.mark.parametrize("cursor", ["", "x", "0-0", "ffffffffffffffff-" + "0" * 32, "2026-11-22T12:00:00Z"])
async def test_bad_cursor_is_refused_by_its_name(mapper: Mapper, cursor: str) -> None:
    answer = await mapper.client.get(f"/api/v1/review?cursor={cursor}", headers=bearer(mapper.tenant))
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "cursor")


async def test_cursor_of_another_tenant_shows_nothing_of_it(mapper: Mapper) -> None:
    await mapper.map({"items": [unknown(f"ours-number-{number}") for number in range(3)]})
    path = "/api/v1/review?limit=1"
    cursor = (await mapper.client.get(path, headers=bearer(mapper.tenant))).json()["next_cursor"]
    answer = await mapper.client.get(f"{path}&cursor={cursor}", headers=bearer(mapper.other))
    assert answer.json() == {"items": [], "next_cursor": None}


async def test_wild_detector_gets_a_short_answer_and_stops_nobody(mapper: Mapper) -> None:
    letters = [chr(97 + number) for number in range(26)]
    wild = [f"{a}{b}{c}" for a in letters for b in letters for c in letters][:9_700]
    stalled, over = 0.0, False

    async def ask_whether_alive() -> None:
        nonlocal stalled
        while not over:
            started = time.perf_counter()
            await asyncio.sleep(0.01)
            assert (await mapper.client.get("/health/live")).status_code == 200
            stalled = max(stalled, time.perf_counter() - started)

    asking = asyncio.create_task(ask_whether_alive())
    body = {"items": [{"detector": "my_detector", "output": wild}] * 3}
    answer = await mapper.client.post("/api/v1/map/batch", json=body, headers=bearer(mapper.tenant))
    over = True
    await asking
    assert answer.status_code == 200
    assert len(answer.content) < 250_000
    for result in answer.json()["results"]:
        assert sum(finding["occurrences"] for finding in result["findings"]) == 9_700
    assert stalled < 4
    assert len(await mapper.review()) == 100
