"""What was analysed is kept as evidence: read back as it was, paged without loss, for ever."""

import time
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy.engine import make_url

from analysis_svc.domain import analyze_requests
from orchestration_svc.domain.policy import Priority, budget_for
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, StartAnalysis, bearer
from tests.integration.mapper_svc.stalling_relay import stalling

DEAD = "postgresql+psycopg://nobody@127.0.0.1:1/none"
SECRET = {
    "id": "f1",
    "label": "SECRET.CloudCredential",
    "score": 1.0,
    "confidence": 0.9,
    "detector": "detect_secrets",
    "tier": "rule",
    "occurrences": 3,
}
BODY: dict[str, Any] = {
    "findings": [SECRET, SECRET | {"id": "f2", "label": "PII.Contact.Email", "detector": None, "tier": None}],
    "context": {
        "request_id": "r-1",
        "application": "billing",
        "direction": "input",
        "detectors_required": ["detect_secrets", "presidio_analyzer"],
        "detectors_succeeded": ["detect_secrets"],
        "detectors_failed": [{"detector": "presidio_analyzer", "status": "timeout"}],
        "coverage": 0.5,
    },
}
NOTHING: dict[str, Any] = {"findings": []}


async def test_evidence_is_read_back_as_it_was_answered(analysis: Analysis) -> None:
    answer = await analysis.analyze(BODY)
    assert answer["missing"] == []
    kept = (await analysis.get(f"/{answer['evidence_id']}")).json()
    assert kept["analysed_at"] == answer["analysed_at"]
    assert (kept["request_id"], kept["application"]) == ("r-1", "billing")
    assert kept["risk_score"] == answer["risk"]["score"]
    assert [kept["risk_low"], kept["risk_high"]] == list(answer["risk"]["interval"].values())
    assert kept["level"] == answer["risk"]["level"]
    assert kept["taxonomy"] == answer["version_info"]["taxonomy"]
    assert kept["detectors_failed"] == [{"detector": "presidio_analyzer", "status": "timeout"}]
    assert [finding["finding_id"] for finding in kept["findings"]] == ["f1", "f2"]
    first = dict(kept["findings"][0])
    assert first == {name: value for name, value in SECRET.items() if name != "id"} | {"finding_id": "f1"}
    violated = {
        f"{entry['framework']} {entry['control']}"
        for entry in answer["compliance"]
        if entry["evidence_state"] == "violated"
    }
    assert set(kept["violated"]) == violated != set()


async def test_pages_hold_every_record_once_newest_first(analysis: Analysis) -> None:
    kept = [(await analysis.analyze(NOTHING))["evidence_id"] for _ in range(7)]
    seen, query, pages = [], "?limit=3", 0
    while True:
        page = (await analysis.get(query)).json()
        seen += [item["evidence_id"] for item in page["items"]]
        pages += 1
        if page["next_cursor"] is None:
            break
        query = f"?limit=3&cursor={page['next_cursor']}"
    assert seen == list(reversed(kept))
    assert pages == 3


async def test_records_of_one_instant_are_not_lost_between_pages(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    answer = await analysis.analyze({"items": [NOTHING] * 9})
    kept = {one["evidence_id"] for one in answer["results"]}
    with psycopg.connect(analysis_database.admin) as admin:
        admin.execute("UPDATE analysis.analyses SET analysed_at = '2026-11-01T00:00:00Z'")
    first = (await analysis.get("?limit=4")).json()
    second = (await analysis.get(f"?limit=4&cursor={first['next_cursor']}")).json()
    third = (await analysis.get(f"?limit=4&cursor={second['next_cursor']}")).json()
    seen = [item["evidence_id"] for page in (first, second, third) for item in page["items"]]
    assert len(seen) == 9
    assert set(seen) == kept
    assert third["next_cursor"] is None


@pytest.mark.parametrize("query", ["?limit=0", "?limit=501", "?cursor=yesterday", "?limit=many"])
async def test_page_that_cannot_be_is_refused(analysis: Analysis, query: str) -> None:
    answer = await analysis.get(query)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")


async def test_tenants_see_only_their_own(analysis: Analysis) -> None:
    ours = (await analysis.analyze(BODY))["evidence_id"]
    theirs = (await analysis.analyze(BODY, tenant=analysis.other))["evidence_id"]
    assert [item["evidence_id"] for item in (await analysis.get("")).json()["items"]] == [ours]
    assert (await analysis.get(f"/{theirs}")).status_code == 404
    assert (await analysis.get(f"/{uuid4()}")).status_code == 404
    assert (await analysis.get(f"?cursor={theirs}")).json() == {"items": [], "next_cursor": None}
    assert (await analysis.get(f"/{theirs}", analysis.other)).status_code == 200


async def test_batch_is_kept_whole(analysis: Analysis) -> None:
    other = BODY | {"context": BODY["context"] | {"request_id": "r-2"}}
    answer = await analysis.analyze({"items": [BODY, NOTHING, other]})
    ids = [one["evidence_id"] for one in answer["results"]]
    assert len(set(ids)) == 3
    for evidence_id, findings in zip(ids, (2, 0, 2), strict=True):
        assert len((await analysis.get(f"/{evidence_id}")).json()["findings"]) == findings


async def test_batch_with_one_wrong_item_keeps_nothing(analysis: Analysis) -> None:
    wrong = {"findings": [SECRET | {"label": "NO.SUCH.Label"}]}
    answer = await analysis.client.post(
        "/api/v1/analyze/batch",
        json={"items": [BODY, wrong]},
        headers={"Authorization": f"Bearer {analysis.tenant}"},
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "items[1].findings[0].label"
    assert (await analysis.get("")).json()["items"] == []


async def test_thousand_findings_are_kept(analysis: Analysis) -> None:
    findings = [SECRET | {"id": f"f{number}"} for number in range(1000)]
    answer = await analysis.analyze({"findings": findings})
    assert len((await analysis.get(f"/{answer['evidence_id']}")).json()["findings"]) == 1000


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE analysis.analyses SET risk_score = 0",
        "UPDATE analysis.findings SET label = 'OTHER.Safe'",
        "DELETE FROM analysis.analyses",
        "DELETE FROM analysis.findings",
        "TRUNCATE analysis.analyses CASCADE",
        "DROP TABLE analysis.findings",
    ],
)
async def test_service_itself_cannot_change_what_it_kept(
    analysis: Analysis, analysis_database: ServiceDsns, statement: str
) -> None:
    await analysis.analyze(BODY)
    url = make_url(analysis_database.runtime)
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database
    ) as runtime:
        runtime.execute("SELECT set_config('app.tenant_id', %s, true)", [str(analysis.tenant)])
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            runtime.execute(statement)


async def test_database_away_costs_the_evidence_and_not_the_answer(start_analysis: StartAnalysis) -> None:
    async with start_analysis(DEAD) as analysis:
        answer = await analysis.analyze(BODY)
        assert answer["evidence_id"] is None
        assert answer["missing"] == [
            {"part": "evidence", "reason": "database_unavailable"},
            {"part": "own_frameworks", "reason": "database_unavailable"},
        ]
        assert answer["risk"]["level"] == "critical"
        assert "analysis_evidence_not_kept_total 1.0" in analysis.metrics()
        page = await analysis.get("")
        assert (page.status_code, page.json()["retryable"]) == (503, True)


async def test_database_that_hangs_costs_half_a_second_at_most(
    analysis_database: ServiceDsns, start_analysis: StartAnalysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with stalling(analysis_database.runtime) as (relay, url), start_analysis(url) as analysis:
        with monkeypatch.context() as patient:
            patient.setattr(analyze_requests, "STORE_LIMIT_S", 5.0)
            assert (await analysis.analyze(BODY))["evidence_id"]
        relay.stall()
        for _ in range(2):
            started = time.perf_counter()
            answer = await analysis.analyze(BODY)
            assert time.perf_counter() - started < 4
            assert answer["evidence_id"] is None
        relay.flow()
        monkeypatch.setattr(analyze_requests, "STORE_LIMIT_S", 5.0)
        assert (await analysis.analyze(BODY))["evidence_id"]


async def test_who_says_that_it_waits_gets_its_evidence_from_a_slow_database(
    analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(analyze_requests, "STORE_LIMIT_S", 0.0)
    assert (await analysis.analyze(BODY))["evidence_id"] is None
    monkeypatch.setattr(analyze_requests, "MOST_STORE_LIMIT_S", 20.0)
    headers = bearer(analysis.tenant) | {"X-Time-Left-Ms": "40000"}
    answer = await analysis.client.post("/api/v1/analyze", json=BODY, headers=headers)
    assert answer.json()["evidence_id"]
    late = await analysis.client.post(
        "/api/v1/analyze", json=BODY, headers=headers | {"X-Time-Left-Ms": "soon"}
    )
    assert (late.status_code, late.json()["error_code"]) == (400, "INVALID_REQUEST")


async def test_locked_table_costs_the_evidence_within_the_smallest_share_of_an_orchestrator(
    analysis_database: ServiceDsns, start_analysis: StartAnalysis
) -> None:
    share = budget_for(Priority.CRITICAL, mapping=True, analysis=True).analysis_s
    assert share / 2 > analyze_requests.STORE_LIMIT_S
    body = {"findings": [SECRET | {"id": f"f{number}"} for number in range(40)]}
    taken = []
    async with start_analysis(analysis_database.runtime) as analysis:
        with psycopg.connect(analysis_database.admin) as holder:
            holder.execute("LOCK TABLE analysis.analyses")
            for _ in range(5):
                started = time.perf_counter()
                answer = await analysis.analyze(body)
                taken.append(time.perf_counter() - started)
                assert answer["evidence_id"] is None
    assert min(taken) < share


async def test_listing_says_nothing_of_findings(analysis: Analysis) -> None:
    await analysis.analyze(BODY)
    (item,) = (await analysis.get("")).json()["items"]
    assert "findings" not in item
    assert item["request_id"] == "r-1"


async def test_full_last_page_has_no_cursor(analysis: Analysis) -> None:
    for _ in range(2):
        await analysis.analyze(NOTHING)
    page = (await analysis.get("?limit=2")).json()
    assert (len(page["items"]), page["next_cursor"]) == (2, None)
