"""The status of controls, counted from evidence as it is kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
import pytest

from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, bearer

NOW = datetime.now(UTC)
BOTH = ["detect_secrets", "prompt_guardrail"]


def clean(**context: Any) -> dict[str, Any]:
    told = {"detectors_required": BOTH, "detectors_succeeded": BOTH, "coverage": 1.0}
    return {"findings": [], "context": told | context}


async def keep(analysis: Analysis, dsns: ServiceDsns, bodies: list[dict[str, Any]], *, day: float) -> None:
    """Keep analyses as if they had been made that many days ago."""
    answer = await analysis.analyze({"items": bodies})
    ids = [one["evidence_id"] for one in answer["results"]]
    with psycopg.connect(dsns.admin) as admin:
        admin.execute(
            "UPDATE analysis.analyses SET analysed_at = %s WHERE id = ANY(%s::uuid[])",
            [NOW - timedelta(days=day), ids],
        )


async def status(analysis: Analysis, control: str, framework: str = "soc2", **query: str) -> dict[str, Any]:
    asked = {"from": (NOW - timedelta(days=30)).isoformat(), "to": NOW.isoformat()} | query
    answer = await analysis.client.get(
        f"/api/v1/frameworks/{framework}/status", params=asked, headers=bearer(analysis.tenant)
    )
    assert answer.status_code == 200, answer.text
    body = answer.json()
    (found,) = [one for one in body["controls"] if one["control"] == control]
    return {**found, "whole": body}


async def month(analysis: Analysis, dsns: ServiceDsns) -> None:
    for day in range(1, 31, 2):
        await keep(analysis, dsns, [clean() for _ in range(5)], day=day)


async def test_month_of_clean_looks_satisfies_what_asks_for_looking(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    await month(analysis, analysis_database)
    answer = await status(analysis, "CC7.2")
    assert (answer["state"], answer["gaps"], answer["looked"]) == ("satisfied", [], 75)
    assert answer["whole"]["counts"]["violated"] == 0
    other = await status(analysis, "A.5.17", "iso27001")
    assert other["state"] == "satisfied"
    # Nobody else's evidence counts.
    theirs = await analysis.client.get("/api/v1/frameworks/soc2/status", headers=bearer(analysis.other))
    assert theirs.json()["analyses"] == 0
    assert theirs.json()["counts"]["satisfied"] == 0


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param({"detectors_succeeded": ["detect_secrets"]}, id="not run"),
        pytest.param(
            {"detectors_failed": [{"detector": "prompt_guardrail", "status": "timeout"}]},
            id="both succeeded and failed",
        ),
        pytest.param({"open": ["prompt_guardrail", "OTHER.ModelError"]}, id="unreadable"),
        pytest.param({"open": ["prompt_guardrail", "OTHER.Unknown"]}, id="unknown"),
        pytest.param({"open": [None, "OTHER.NeedsReview"]}, id="open and nameless"),
    ],
)
async def test_look_that_was_not_clean_does_not_count(
    analysis: Analysis, analysis_database: ServiceDsns, spoilt: dict[str, Any]
) -> None:
    await month(analysis, analysis_database)
    detector, label = spoilt.pop("open", (None, None))
    body = clean(**spoilt)
    if label:
        body["findings"] = [
            {"id": "f1", "label": label, "score": 0.0, "confidence": 0.0, "detector": detector}
        ]
    await keep(analysis, analysis_database, [body] * 5, day=15)
    answer = await status(analysis, "CC7.2")
    assert (answer["state"], answer["analyses"], answer["looked"]) == ("insufficient", 80, 75)
    assert {gap["kind"] for gap in answer["gaps"]} == {"coverage_too_low"}


async def test_violation_shows_with_its_evidence_and_of_its_application_only(analysis: Analysis) -> None:
    secret = {"id": "f1", "label": "SECRET.ApiKey", "score": 1.0, "confidence": 1.0, "detector": BOTH[0]}
    body = clean(application="billing") | {"findings": [secret]}
    kept = await analysis.analyze(body)
    later = {"from": (NOW - timedelta(days=29)).isoformat(), "to": datetime.now(UTC).isoformat()}
    answer = await status(analysis, "A.5.17", "iso27001", **later)
    assert (answer["state"], answer["evidence"]) == ("violated", [kept["evidence_id"]])
    assert answer["last_violation_at"] == kept["analysed_at"]
    other = await status(analysis, "A.5.17", "iso27001", **later, application="shop")
    assert (other["state"], other["whole"]["analyses"]) == ("insufficient", 0)


async def test_versions_that_analyses_were_made_with_are_kept_and_told(analysis: Analysis) -> None:
    told = {
        "policy": "strict",
        "policy_version": "7",
        "mapper_taxonomy": "2026.11",
        "model": "smollm2:3",
        "detectors": {"detect_secrets": "1.5.0"},
    }
    kept = await analysis.analyze(clean(versions=told))
    record = (await analysis.get(f"/{kept['evidence_id']}")).json()
    assert record["versions"] == told | {"frameworks": kept["version_info"]["frameworks"]}
    now = datetime.now(UTC).isoformat()
    whole = (await status(analysis, "CC7.2", to=now))["whole"]
    assert whole["versions"] == [{"taxonomy": "2026.11", "analyses": 1, "stated": record["versions"]}]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"from": "2026-01-01T00:00:00"}, "from"),
        ({"to": "2999-01-01T00:00:00Z"}, "to"),
        ({"to": "0001-01-01T00:00:00Z"}, "to"),
        ({"from": "2026-03-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"from": "2020-01-01T00:00:00Z", "to": "2026-03-01T00:00:00Z"}, "from"),
        ({"from": "yesterday"}, "from"),
    ],
)
async def test_period_that_cannot_be_is_refused_by_name(
    analysis: Analysis, query: dict[str, str], field: str
) -> None:
    answer = await analysis.client.get(
        "/api/v1/frameworks/soc2/status", params=query, headers=bearer(analysis.tenant)
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == field
