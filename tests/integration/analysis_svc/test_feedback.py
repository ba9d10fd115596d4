"""What people say about findings is kept once, reviewed by another, and counted."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.quality_evaluations import QualityEvaluations
from analysis_svc.adapters.insights.quality_facts import QualityFactsRepository
from analysis_svc.domain.insights.quality import Quality
from analysis_svc.domain.insights.span import Span
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, bearer

FOUND: dict[str, Any] = {
    "findings": [
        {
            "id": "f1",
            "label": "SECRET.ApiKey",
            "score": 1.0,
            "confidence": 0.9,
            "detector": "d",
            "tier": "model",
        },
        {"id": "f2", "label": "PII.Contact.Email", "score": 1.0, "confidence": 0.8, "tier": "fallback"},
    ],
}


async def post(analysis: Analysis, path: str, body: object, token: str = "") -> tuple[int, dict[str, Any]]:
    headers = {"Authorization": f"Bearer {token}"} if token else bearer(analysis.tenant)
    answer = await analysis.client.post(f"/api/v1{path}", json=body, headers=headers)
    return answer.status_code, answer.json()


async def listed(analysis: Analysis, **query: str) -> list[dict[str, Any]]:
    answer = await analysis.client.get("/api/v1/feedback", params=query, headers=bearer(analysis.tenant))
    return list(answer.json()["items"])


async def test_word_is_kept_once_and_the_last_one_of_a_key_counts(analysis: Analysis) -> None:
    evidence = (await analysis.analyze(FOUND))["evidence_id"]
    said = {"evidence_id": evidence, "finding_id": "f1", "verdict": "confirmed"}
    status, first = await post(analysis, "/feedback", said)
    assert (status, first["label"], first["confidence"], first["state"]) == (
        201,
        "SECRET.ApiKey",
        0.9,
        "pending",
    )
    _, again = await post(analysis, "/feedback", said)
    assert again["id"] == first["id"]
    _, changed = await post(
        analysis, "/feedback", said | {"verdict": "relabel", "right_label": "SECRET.Password"}
    )
    assert changed["id"] != first["id"]
    assert [one["id"] for one in await listed(analysis)] == [changed["id"], first["id"]]
    quality = (await analysis.client.get("/api/v1/quality", headers=bearer(analysis.tenant))).json()
    assert quality["words"] == {"confirmed": 0, "false_positive": 0, "relabel": 1}
    assert quality["agreement"] is quality["label_drift"] is None, "one word says nothing yet"
    other = (await analysis.client.get("/api/v1/quality", headers=bearer(analysis.other))).json()
    assert (other["findings"], sum(other["words"].values())) == (0, 0)


async def test_nobody_reviews_their_own_word_and_nobody_twice(analysis: Analysis) -> None:
    evidence = (await analysis.analyze(FOUND))["evidence_id"]
    said = {"evidence_id": evidence, "finding_id": "f1", "verdict": "false_positive", "raw_label": "api_key"}
    _, given = await post(analysis, "/feedback", said)
    path = f"/feedback/{given['id']}/review"
    assert (await post(analysis, path, {"accepted": True}))[0] == 403, "the same key"
    reviewer = f"{analysis.tenant} as:second"
    status, reviewed = await post(analysis, path, {"accepted": True}, reviewer)
    assert (status, reviewed["state"], reviewed["review"]["reviewed_by"]) == (200, "accepted", "second")
    assert (await post(analysis, path, {"accepted": False}, reviewer))[0] == 409
    assert [one["state"] for one in await listed(analysis, state="accepted")] == ["accepted"]
    assert await listed(analysis, state="pending") == []
    assert (await post(analysis, path, {"accepted": True}, f"{analysis.tenant} feedback:write"))[0] == 403
    theirs = await post(analysis, path, {"accepted": True}, f"{analysis.other} as:second")
    assert theirs[0] == 404


async def test_only_an_accepted_false_alarm_leaves_the_status_and_an_auditor_sees_by_whom(
    analysis: Analysis,
) -> None:
    kept = await analysis.analyze(FOUND | {"context": {"application": "billing"}})
    assert kept["risk"]["level"] in {"high", "critical"}

    async def told() -> tuple[str, int, list[str], dict[str, Any]]:
        path = "/api/v1/frameworks/iso27001/status"
        body = (await analysis.client.get(path, headers=bearer(analysis.tenant))).json()
        (one,) = [one for one in body["controls"] if one["control"] == "A.5.17"]
        return one["state"], one["violations"], one["evidence"], body["put_aside"] | {"of": one["put_aside"]}

    async def summary() -> tuple[int, int]:
        path = "/api/v1/incidents/summary"
        body = (await analysis.client.get(path, headers=bearer(analysis.tenant))).json()
        return body["open"], body["put_aside"]

    said = {"evidence_id": kept["evidence_id"], "finding_id": "f1", "verdict": "false_positive"}
    _, given = await post(analysis, "/feedback", said)
    nothing = {"false_positives": 0, "relabelled": 0, "findings": [], "of": 0}
    violated = ("violated", 1, [kept["evidence_id"]], nothing)
    assert await told() == violated, "a word that nobody accepted changes nothing"
    reviewer = f"{analysis.tenant} as:second"
    await post(analysis, f"/feedback/{given['id']}/review", {"accepted": True}, reviewer)
    state, violations, evidence, aside = await told()
    assert (state, violations, evidence) == ("insufficient", 0, [])
    assert (aside["false_positives"], aside["relabelled"], aside["of"]) == (1, 0, 1)
    (one,) = aside["findings"]
    assert (one["feedback_id"], one["label"], one["right_label"]) == (given["id"], "SECRET.ApiKey", None)
    assert (one["given_by"], one["reviewed_by"]) == (given["given_by"], "second")
    record = (await analysis.get(f"/{kept['evidence_id']}")).json()
    assert "SECRET.ApiKey" in {found["label"] for found in record["findings"]}, "the evidence stays as it was"
    assert "iso27001 A.5.17" in record["violated"]
    assert await summary() == (1, 0), "something is left of the analysis"
    _, other = await post(analysis, "/feedback", said | {"finding_id": "f2"})
    await post(analysis, f"/feedback/{other['id']}/review", {"accepted": True}, reviewer)
    assert await summary() == (0, 1)
    path = "/api/v1/incidents"
    (incident,) = (await analysis.client.get(path, headers=bearer(analysis.tenant))).json()["items"]
    assert (incident["analyses"], incident["put_aside"]) == (1, 1)
    # A later word that was accepted too takes it back.
    _, right = await post(analysis, "/feedback", said | {"verdict": "confirmed"})
    await post(analysis, f"/feedback/{right['id']}/review", {"accepted": True}, reviewer)
    assert (await told())[:3] == violated[:3]
    assert await summary() == (1, 0)


@pytest.mark.parametrize(
    ("change", "status", "field"),
    [
        ({"finding_id": "f9"}, 404, "finding_id"),
        ({"evidence_id": str(uuid4())}, 404, "evidence_id"),
        ({"verdict": "relabel"}, 400, "right_label"),
        ({"verdict": "relabel", "right_label": "SECRET.ApiKey"}, 400, "right_label"),
        ({"verdict": "relabel", "right_label": "NO.SUCH"}, 400, "right_label"),
        ({"right_label": "PII.Other"}, 400, "right_label"),
        ({"verdict": "wrong"}, 400, "verdict"),
        ({"raw_label": "my card is 4111 1111 1111 1111"}, 400, "raw_label"),
        ({"raw_label": "eve@example.com"}, 400, "raw_label"),
        ({"raw_label": "one two three four five six seven eight"}, 400, "raw_label"),
    ],
)
async def test_word_that_cannot_be_is_refused(
    analysis: Analysis, change: dict[str, str], status: int, field: str
) -> None:
    evidence = (await analysis.analyze(FOUND))["evidence_id"]
    said = {"evidence_id": evidence, "finding_id": "f1", "verdict": "confirmed"} | change
    answer, problem = await post(analysis, "/feedback", said)
    assert (answer, problem["errors"][0]["field"]) == (status, field)
    assert await listed(analysis) == []


async def test_weekly_evaluations_are_listed_newest_first_and_only_ones_own(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    database = Database(analysis_database.runtime, pool_size=1, statement_timeout_ms=5_000)
    end = datetime(2026, 11, 16, tzinfo=UTC)
    quality = Quality(QualityFactsRepository(database))
    try:
        for week in range(3):
            span = Span(end - timedelta(days=7 * (week + 1)), end - timedelta(days=7 * week))
            report = await quality.of(analysis.tenant, span)
            assert await QualityEvaluations(database).keep(analysis.tenant, report, at=span.end)
    finally:
        await database.close()

    async def page(tenant: UUID, **query: str) -> dict[str, Any]:
        path = "/api/v1/quality/evaluations"
        return dict((await analysis.client.get(path, params=query, headers=bearer(tenant))).json())

    first = await page(analysis.tenant, limit="2")
    assert [one["quality"]["to"][:10] for one in first["items"]] == ["2026-11-16", "2026-11-09"]
    second = await page(analysis.tenant, limit="2", before=first["before"])
    assert [one["quality"]["to"][:10] for one in second["items"]] == ["2026-11-02"]
    assert second["before"] is None
    assert second["items"][0]["quality"]["agreement"] is None
    assert (await page(analysis.other))["items"] == []
