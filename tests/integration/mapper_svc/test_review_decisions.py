"""What a label in review means is said by one person and accepted by another; answers stay as they are."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

from tests.integration.mapper_svc.conftest import Mapper, bearer

CHART = {"verdict": "label", "right_label": "PII.Health.Identifier"}
NONE = {"verdict": "not_a_label"}
Answer = tuple[int, dict[str, Any]]


async def in_review(mapper: Mapper, label: str = "chart-of-nobody", tenant: UUID | None = None) -> str:
    """Have a label kept for review and return its id."""
    await mapper.map({"detector": "acme_dlp", "output": label}, tenant=tenant)
    return next(str(item["item_id"]) for item in await mapper.review(tenant) if item["raw_label"] == label)


async def post(
    mapper: Mapper, path: str, body: object, key: str = "first", tenant: UUID | None = None
) -> Answer:
    headers = {"Authorization": f"Bearer {tenant or mapper.tenant} {key}"}
    answer = await mapper.client.post(f"/api/v1/review/{path}", json=body, headers=headers)
    return answer.status_code, answer.json()


async def listed(mapper: Mapper, state: str, tenant: UUID | None = None) -> list[str]:
    answer = await mapper.client.get(f"/api/v1/review?state={state}", headers=bearer(tenant or mapper.tenant))
    return [item["raw_label"] for item in answer.json()["items"]]


async def test_label_goes_from_undecided_over_pending_to_accepted(mapper: Mapper) -> None:
    item = await in_review(mapper)
    await in_review(mapper, "another-of-nobody")
    status, decision = await post(mapper, f"{item}/decisions", CHART | {"lang": "de"})
    assert (status, decision["state"], decision["number"], decision["taxonomy"]) == (
        201,
        "pending",
        1,
        "2026.11",
    )
    assert (await listed(mapper, "pending"), await listed(mapper, "undecided")) == (
        ["chart-of-nobody"],
        ["another-of-nobody"],
    )
    status, reviewed = await post(mapper, f"{item}/decisions/1/review", {"accepted": True}, "second")
    assert (status, reviewed["state"], reviewed["review"]["reviewed_by"]) == (200, "accepted", "second")
    shown = next(one for one in await mapper.review() if one["item_id"] == item)
    assert shown["decision"] == reviewed
    assert (reviewed["right_label"], reviewed["lang"], reviewed["decided_by"]) == (
        *("PII.Health.Identifier", "de", "first"),
    )
    assert await listed(mapper, "accepted") == ["chart-of-nobody"]
    assert await listed(mapper, "rejected") == []


async def test_accepted_decision_changes_no_answer(mapper: Mapper) -> None:
    item = await in_review(mapper)
    before = await mapper.map({"detector": "acme_dlp", "output": "chart-of-nobody"})
    await post(mapper, f"{item}/decisions", CHART)
    await post(mapper, f"{item}/decisions/1/review", {"accepted": True}, "second")
    after = await mapper.map({"detector": "acme_dlp", "output": "chart-of-nobody"})
    assert after["findings"][0]["taxonomy"] == before["findings"][0]["taxonomy"] == ["OTHER.Unknown"]
    assert after["mapping_version"] == before["mapping_version"]


async def test_said_again_by_the_same_key_is_kept_once_and_anew_by_another(mapper: Mapper) -> None:
    item = await in_review(mapper)
    at_once = await asyncio.gather(*(post(mapper, f"{item}/decisions", CHART) for _ in range(6)))
    assert [status for status, _ in at_once] == [201] * 6
    assert {decision["number"] for _, decision in at_once} == {1}
    _, other = await post(mapper, f"{item}/decisions", CHART, "second")
    assert other["number"] == 2, "who said it decides who may review it"
    _, changed = await post(mapper, f"{item}/decisions", NONE)
    assert (changed["number"], changed["right_label"]) == (3, None)
    reviews = await asyncio.gather(
        *(post(mapper, f"{item}/decisions/3/review", {"accepted": True}, "second") for _ in range(4))
    )
    assert [status for status, _ in reviews] == [200] * 4
    assert await audited(mapper) == ["review.decided"] * 3 + ["review.decision_reviewed"]


async def audited(mapper: Mapper) -> list[str]:
    events = (await mapper.client.get("/api/v1/audit", headers=bearer(mapper.tenant))).json()["events"]
    assert "nobody" not in str(events), "the audit log outlives the raw label"
    return sorted(event["action"] for event in events)


async def test_nobody_reviews_their_own_decision_nor_one_that_was_overtaken(mapper: Mapper) -> None:
    item = await in_review(mapper)
    await post(mapper, f"{item}/decisions", CHART)
    review = f"{item}/decisions/1/review"
    assert (await post(mapper, review, {"accepted": True}, "first"))[0] == 403
    await post(mapper, f"{item}/decisions", NONE)
    assert (await post(mapper, review, {"accepted": True}, "second"))[0] == 409, "it was said otherwise since"
    review = f"{item}/decisions/2/review"
    assert (await post(mapper, review, {"accepted": False}, "second"))[0] == 200
    assert (await post(mapper, review, {"accepted": True}, "second"))[0] == 409
    assert (await post(mapper, review, {"accepted": False}, "third"))[0] == 409
    assert await listed(mapper, "rejected") == ["chart-of-nobody"]
    for number in ("0", "3", "9" * 40, "9" * 5_000, "-1", "x"):
        assert (await post(mapper, f"{item}/decisions/{number}/review", {"accepted": True}, "second"))[
            0
        ] == 404


async def test_deciding_and_reviewing_need_their_scopes(mapper: Mapper) -> None:
    item = await in_review(mapper)
    assert (await post(mapper, f"{item}/decisions", CHART, "first feedback:write"))[0] == 403
    await post(mapper, f"{item}/decisions", CHART)
    status, problem = await post(
        mapper, f"{item}/decisions/1/review", {"accepted": True}, "second feedback:review"
    )
    assert (status, problem["error_code"]) == (403, "INSUFFICIENT_RBAC")
    assert await listed(mapper, "pending") == ["chart-of-nobody"]


async def test_other_tenants_labels_are_not_there(mapper: Mapper) -> None:
    item = await in_review(mapper)
    await in_review(mapper, tenant=mapper.other)
    await post(mapper, f"{item}/decisions", CHART)
    assert (await post(mapper, f"{item}/decisions", CHART, tenant=mapper.other))[0] == 404
    theirs = await post(mapper, f"{item}/decisions/1/review", {"accepted": True}, "second", mapper.other)
    assert theirs[0] == 404
    assert await listed(mapper, "undecided", mapper.other) == ["chart-of-nobody"]
    assert await listed(mapper, "pending") == ["chart-of-nobody"]


async def test_decision_that_cannot_be_is_refused_by_its_field(mapper: Mapper) -> None:
    item = await in_review(mapper)
    changes: list[tuple[dict[str, Any], str]] = [
        ({"right_label": None}, "right_label"),
        ({"right_label": "NO.SUCH"}, "right_label"),
        ({"right_label": "OTHER.Safe"}, "right_label"),
        ({"right_label": "OTHER.Unknown"}, "right_label"),
        ({"verdict": "not_a_label"}, "right_label"),
        ({"verdict": "safe"}, "verdict"),
        ({"lang": "english"}, "lang"),
        ({"text": "what somebody wrote"}, "text"),
    ]
    for change, field in changes:
        status, problem = await post(mapper, f"{item}/decisions", CHART | change)
        assert (status, problem["errors"][0]["field"]) == (400, field), change
    assert await listed(mapper, "undecided") == ["chart-of-nobody"]


async def test_label_that_is_not_in_review_is_not_found(mapper: Mapper) -> None:
    assert (await post(mapper, f"{uuid4()}/decisions", CHART))[0] == 404
    assert (await post(mapper, f"{uuid4()}/decisions/1/review", {"accepted": True}))[0] == 404


async def test_who_changes_their_mind_for_ever_is_stopped(mapper: Mapper) -> None:
    item = await in_review(mapper)
    answers = [
        (await post(mapper, f"{item}/decisions", (CHART, NONE)[number % 2]))[0] for number in range(21)
    ]
    assert answers == [201] * 20 + [409]
