"""Risk over time and incidents, on evidence that was really kept."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.event_source import EventRepository
from analysis_svc.domain.catalogue import UNKNOWN
from analysis_svc.domain.insights import rego_advice, watch_incidents
from analysis_svc.domain.insights.span import Bucket, span_of
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, StartAnalysis, bearer

STOLEN: dict[str, Any] = {
    "findings": [{"id": "f1", "label": "SECRET.CloudCredential", "score": 1.0, "confidence": 1.0}],
    "context": {"application": "billing", "detectors_required": ["d"], "detectors_succeeded": ["d"]},
}
HARMLESS: dict[str, Any] = {
    "findings": [],
    "context": {"application": "chat", "detectors_required": ["d"], "detectors_succeeded": ["d"]},
}
UNSEEN: dict[str, Any] = {
    "findings": [],
    "context": {
        "application": "chat",
        "detectors_required": ["d"],
        "detectors_failed": [{"detector": "d", "status": "timeout"}],
    },
}


async def ask(analysis: Analysis, path: str, tenant: UUID | None = None, /, **query: Any) -> httpx.Response:
    return await analysis.client.get(
        f"/api/v1{path}", params=query, headers=bearer(tenant or analysis.tenant)
    )


async def act(analysis: Analysis, path: str, body: object = None, token: str = "") -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"} if token else bearer(analysis.tenant)
    return await analysis.client.post(f"/api/v1{path}", json=body, headers=headers)


def moved(database: ServiceDsns, evidence_id: str, *, back: timedelta) -> None:
    """Make a record older, as no caller can."""
    with psycopg.connect(database.admin) as admin:
        admin.execute(
            "UPDATE analysis.analyses SET analysed_at = analysed_at - %s WHERE id = %s", [back, evidence_id]
        )


async def test_risk_of_a_quiet_day_is_unknown_and_not_zero(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    old = (await analysis.analyze(STOLEN))["evidence_id"]
    moved(analysis_database, old, back=timedelta(days=3))
    await analysis.analyze({"items": [HARMLESS] * 3 + [UNSEEN]})
    history = (await ask(analysis, "/risk/history")).json()
    days = {point["start"][:10]: point["risk"] for point in history["points"]}
    today = datetime.now(UTC).date()
    assert days[str(today - timedelta(days=3))]["level"] == "critical"
    quiet = days[str(today - timedelta(days=2))]
    assert (quiet["analyses"], quiet["score"], quiet["level"]) == (0, None, None)
    assert days[str(today)]["level"] == "undetermined", "one of them was not looked at"
    assert days[str(today)]["levels"] == {"none": 3, "undetermined": 1}
    assert days[str(today)]["not_fully_looked"] == 1
    assert history["total"]["analyses"] == 5
    assert [one["application"] for one in history["applications"]] == ["billing", "chat"]
    only = (await ask(analysis, "/risk/history", application="chat")).json()
    assert only["total"]["score"] == 0.0
    assert (await ask(analysis, "/risk/history", analysis.other)).json()["total"]["analyses"] == 0


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-11-01T00:00:00"}, "from"),
        ({"from": "2026-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "from"),
        ({"from": "2024-11-02T00:00:00Z", "to": "2026-11-01T00:00:00Z"}, "from"),
        ({"from": "2026-09-01T00:00:00Z", "to": "2026-11-01T00:00:00Z", "bucket": "hour"}, "from"),
        ({"to": "9999-11-01T00:00:00Z"}, "to"),
        ({"bucket": "year"}, "bucket"),
        ({"application": ""}, "application"),
    ],
)
async def test_span_that_cannot_be_is_refused(analysis: Analysis, query: dict[str, str], field: str) -> None:
    answer = await ask(analysis, "/risk/history", **query)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text


async def test_incident_is_opened_taken_on_and_ended_once(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    answer = await analysis.analyze({"items": [STOLEN, HARMLESS, UNSEEN, STOLEN]})
    first = answer["results"][0]["evidence_id"]
    moved(analysis_database, first, back=timedelta(hours=3))
    for _ in range(2):
        (incident,) = (await ask(analysis, "/incidents")).json()["items"]
    assert (incident["theme"], incident["application"], incident["status"]) == ("SECRET", "billing", "open")
    assert (incident["analyses"], incident["level"]) == (2, "critical")
    one = (await ask(analysis, f"/incidents/{incident['id']}")).json()
    assert [seen["evidence_id"] for seen in one["timeline"]] == [
        first,
        answer["results"][3]["evidence_id"],
    ]
    assert (await ask(analysis, f"/incidents/{incident['id']}", analysis.other)).status_code == 404
    assert (await ask(analysis, "/incidents", analysis.other)).json()["items"] == []

    assert (await ask(analysis, "/incidents/summary")).json()["mttr_s"] is None, "none has ended yet"
    reader = f"{analysis.tenant} insights:read"
    path = f"/incidents/{incident['id']}"
    assert (await act(analysis, f"{path}/acknowledge", token=reader)).status_code == 403
    assert (await act(analysis, f"{path}/acknowledge")).json()["acknowledged_by"] == "test"
    assert (await act(analysis, f"{path}/acknowledge")).status_code == 409
    ended = await act(analysis, f"{path}/resolve", {"resolution": "fixed"})
    assert (ended.json()["status"], ended.json()["resolution"]) == ("resolved", "fixed")
    assert (await act(analysis, f"{path}/resolve", {"resolution": "fixed"})).status_code == 409
    assert (await act(analysis, f"/incidents/{uuid4()}/acknowledge")).status_code == 404
    summary = (await ask(analysis, "/incidents/summary")).json()
    assert (summary["open"], summary["resolved"]) == (0, 1)
    assert 3 * 3600 <= summary["mttr_s"] < 4 * 3600, "from the first analysis, not from its grouping"

    await analysis.analyze(STOLEN)
    items = (await ask(analysis, "/incidents")).json()["items"]
    assert [item["status"] for item in items] == ["open", "resolved"], "what has ended grows no more"
    events = (await analysis.client.get("/api/v1/audit", headers=bearer(analysis.tenant))).json()
    assert {"incident.acknowledged", "incident.resolved"} <= {event["action"] for event in events["events"]}


async def test_pages_of_incidents_hold_each_once(analysis: Analysis) -> None:
    for number in range(5):
        context = STOLEN["context"] | {"application": f"app {number}"}
        await analysis.analyze(STOLEN | {"context": context})
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await ask(analysis, "/incidents", limit="2", **cursor)).json()
        seen += [item["application"] for item in page["items"]]
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert seen == [f"app {number}" for number in reversed(range(5))]


async def test_patterns_name_evidence_that_is_there_and_say_where_data_are_too_few(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    body = {"items": [STOLEN, HARMLESS, HARMLESS, UNSEEN]}
    kept = {0: [await analysis.analyze(body) for _ in range(2)]}
    empty = (await ask(analysis, "/patterns", analysis.other)).json()
    assert empty["patterns"] == []
    assert {one["kind"] for one in empty["too_little_data"]} >= {"trend", "seasonality", "burst"}
    for day in range(1, 24):
        answers = await analysis.analyze({"items": [HARMLESS] * (12 if day == 5 else 4)})
        kept[day] = [answers]
        for one in answers["results"]:
            moved(analysis_database, one["evidence_id"], back=timedelta(days=day))
    burst = await analysis.analyze({"items": [STOLEN] * 14})
    stolen = {one["evidence_id"] for one in burst["results"]}
    for evidence_id in stolen:
        moved(analysis_database, evidence_id, back=timedelta(days=9))
    found = (await ask(analysis, "/patterns", label="SECRET.CloudCredential")).json()
    assert found["analyses"] == 8 + 22 * 4 + 12 + 14
    assert found["cut"] is False
    anomaly = next(one for one in found["patterns"] if one["kind"] == "anomaly")
    assert anomaly["subjects"] == [{"kind": "label", "name": "SECRET.CloudCredential"}]
    assert set(anomaly["evidence_ids"]) <= stolen
    assert anomaly["evidence_total"] == 14
    assert anomaly["support"]["q_value"] < 0.05
    seen = await analysis.get(f"/{anomaly['evidence_ids'][0]}")
    assert seen.status_code == 200
    wrong = await ask(analysis, "/patterns", label="NO.SUCH.Label")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (400, "label")


async def test_only_the_newest_are_looked_at_and_the_answer_says_so(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    for day in range(4):
        for one in (await analysis.analyze({"items": [HARMLESS] * 3}))["results"]:
            moved(analysis_database, one["evidence_id"], back=timedelta(days=day))
    database = Database(analysis_database.runtime, pool_size=1, statement_timeout_ms=5_000)
    span = span_of(None, None, None, now=datetime.now(UTC) + timedelta(minutes=1))
    try:
        seen = await EventRepository(database).observe(
            analysis.tenant, span, Bucket.DAY, bins_per_bucket=12, most=6
        )
    finally:
        await database.close()
    assert seen.cut is True
    assert sum(group.analyses for group in seen.groups) < 6, "of the oldest day not all may have been read"
    assert seen.span.start.date() == datetime.now(UTC).date()
    assert all(0 <= group.bin < 24 for group in seen.groups)


async def test_advice_names_the_detector_that_keeps_failing(analysis: Analysis) -> None:
    await analysis.analyze({"items": [HARMLESS] * 20 + [UNSEEN] * 20})
    (advised,) = (await ask(analysis, "/advice")).json()["advice"]
    assert (advised["kind"], advised["subject"], advised["priority"]) == ("coverage_gap", "d", "high")
    assert (advised["effect"]["before"], advised["effect"]["after"]) == (0.5, 0.0)
    assert len(advised["evidence"]) == 20
    assert advised["rego"] == {
        "diff": None,
        "left_out": "a policy does not decide whether a detector answers",
    }
    assert (await ask(analysis, "/advice", analysis.other)).json()["advice"] == []


async def test_threshold_comes_with_a_policy_that_was_evaluated_on_what_is_stored(
    analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def body(confidence: float) -> dict[str, Any]:
        found = {"id": "f1", "label": "PII.Contact.Email", "score": 1.0, "confidence": confidence}
        made_with = {"policy": "default", "policy_version": "2"}
        return {
            "findings": [found | {"tier": "model", "detector": "d"}],
            "context": {"detectors_required": ["d"], "detectors_succeeded": ["d"], "versions": made_with},
        }

    unsure, headers = [n % 4 == 0 for n in range(44)], bearer(analysis.tenant)
    kept = await analysis.analyze({"items": [body(0.62 if one else 0.9) for one in unsure]})
    for one, result in zip(unsure, kept["results"], strict=True):
        said = {"evidence_id": result["evidence_id"], "finding_id": "f1"}
        said["verdict"] = "false_positive" if one else "confirmed"
        given = (await analysis.client.post("/api/v1/feedback", json=said, headers=headers)).json()
        await analysis.client.post(
            f"/api/v1/feedback/{given['id']}/review",
            json={"accepted": True},
            headers={"Authorization": f"Bearer {analysis.tenant} as:second"},
        )
    (advised,) = (await ask(analysis, "/advice")).json()["advice"]
    assert (advised["kind"], advised["subject"]) == ("threshold", "PII.Contact.Email")
    rego = advised["rego"]["diff"]
    assert advised["rego"]["left_out"] is None
    assert (rego["policy"], rego["policy_version"]) == ("default", "2")
    assert f"+\tfinding.confidence < {advised['threshold']}" in rego["diff"].splitlines()
    assert rego["effect"] == {
        "analyses": 44,
        "flagged_before": 44,
        "flagged_after": 33,
        "confirmed": 33,
        "confirmed_lost": 0,
        "false_positives": 11,
        "false_positives_removed": 11,
    }
    monkeypatch.setattr(rego_advice, "MOST_FINDINGS", 10)
    (advised,) = (await ask(analysis, "/advice")).json()["advice"]
    assert advised["rego"]["diff"]["effect"]["analyses"] == 10, "the newest with so many findings together"


async def test_repair_is_not_said_to_determine_what_a_finding_leaves_open(analysis: Analysis) -> None:
    unread = UNSEEN | {"findings": [{"id": "f1", "label": UNKNOWN, "score": 1.0, "confidence": 0.0}]}
    await analysis.analyze({"items": [HARMLESS] * 20 + [UNSEEN] * 10 + [unread] * 10})
    (advised,) = (await ask(analysis, "/advice")).json()["advice"]
    assert (advised["effect"]["before"], advised["effect"]["after"]) == (0.5, 0.25)


async def test_incident_is_opened_and_counted_once_though_nobody_reads(
    analysis: Analysis,
    start_analysis: StartAnalysis,
    analysis_database: ServiceDsns,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watch_incidents, "AFTER_S", 0.05)
    async with in_own_task(start_analysis(analysis_database.runtime)) as second:
        await asyncio.gather(
            *(one.analyze(STOLEN, analysis.tenant) for one in (analysis, second)), analysis.analyze(HARMLESS)
        )
        async with asyncio.timeout(20):
            while members(analysis_database) < 2:  # noqa: ASYNC110 - the database tells nobody
                await asyncio.sleep(0.05)
        opened = 'analysis_incidents_opened_total{level="critical"} 1.0'
        assert sum(opened in one.metrics() for one in (analysis, second)) == 1
    (incident,) = (await ask(analysis, "/incidents")).json()["items"]
    assert (incident["analyses"], incident["status"]) == (2, "open")


def members(database: ServiceDsns) -> int:
    with psycopg.connect(database.admin) as admin:
        row = admin.execute("SELECT count(*) FROM analysis.incident_evidence").fetchone()
    assert row is not None
    return int(row[0])
