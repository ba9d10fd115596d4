"""Risk over time and incidents, on evidence that was really kept."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
import psycopg
import pytest

from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, bearer

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
