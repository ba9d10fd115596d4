"""A tenant's own rules of evidence: versioned, audited, and used."""

from typing import Any
from uuid import UUID

import httpx
import pytest

from tests.integration.analysis_svc.conftest import Analysis, bearer

PATH = "/api/v1/evidence-rules"
OWN = {
    "detectors": {"personal_data": ["our_pii"]},
    "rules": [
        {"framework": "soc2", "control": "CC6.1", "coverage": 0.99},
        {
            "framework": "gdpr",
            "control": "Art. 32(1)",
            "senses": ["secrets"],
            "why": "Leaks are watched for.",
        },
    ],
}


async def put(analysis: Analysis, body: dict[str, Any], *, after: int, tenant: UUID) -> httpx.Response:
    scopes = "settings:manage evidence:read audit:read"
    headers = {"Authorization": f"Bearer {tenant} {scopes}", "If-Match": f'"{after}"'}
    return await analysis.client.put(PATH, json=body, headers=headers)


async def test_own_rules_are_versions_that_build_on_each_other(analysis: Analysis) -> None:
    tenant = analysis.tenant
    made = await put(analysis, OWN, after=0, tenant=tenant)
    assert (made.status_code, made.headers["etag"]) == (200, '"1"')
    assert made.json()["set"]["rules"][1]["coverage"] == 0.99
    rules = {(one["framework"], one["control"]): one["rule"] for one in made.json()["rules"]}
    assert (rules["soc2", "CC6.1"]["coverage"], rules["soc2", "CC6.1"]["source"]) == (0.99, "tenant")
    assert rules["gdpr", "Art. 32(1)"]["why"] == "Leaks are watched for."
    assert rules["iso27001", "A.5.17"]["source"] == "shipped"
    assert made.json()["senses"]["personal_data"]["detectors"] == ["presidio_analyzer", "our_pii"]
    assert (await put(analysis, OWN, after=0, tenant=tenant)).status_code == 409
    back = await put(analysis, {}, after=1, tenant=tenant)
    assert back.json()["version"] == 2
    assert back.json()["set"] == {"detectors": {}, "rules": []}
    theirs = await analysis.client.get(PATH, headers=bearer(analysis.other))
    assert theirs.json()["version"] == 0
    audit = await analysis.client.get(
        "/api/v1/audit", headers={"Authorization": f"Bearer {tenant} audit:read"}
    )
    assert [event["action"] for event in audit.json()["events"]] == ["evidence_rules.changed"] * 2


async def test_status_follows_the_tenants_rules_and_says_so(analysis: Analysis) -> None:
    await put(analysis, OWN, after=0, tenant=analysis.tenant)
    answer = await analysis.client.get("/api/v1/frameworks/gdpr/status", headers=bearer(analysis.tenant))
    assert answer.json()["rules_version"] == 1
    (control,) = [one for one in answer.json()["controls"] if one["control"] == "Art. 32(1)"]
    assert control["rule"]["source"] == "tenant"
    assert [gap["kind"] for gap in control["gaps"]] == ["no_evidence"]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"detectors": {"telepathy": ["x"]}}, "detectors"),
        ({"rules": [{"framework": "no", "control": "CC6.1"}]}, "rules[0].framework"),
        ({"rules": [{"framework": "soc2", "control": "CC99"}]}, "rules[0].control"),
        ({"rules": [{"framework": "soc2", "control": "CC6.1", "senses": ["x"]}]}, "rules[0].senses[0]"),
        ({"rules": [{"framework": "soc2", "control": "CC6.1", "coverage": 0.1}]}, "rules[0].coverage"),
        ({"rules": [{"framework": "soc2", "control": "CC6.1"}] * 2}, "rules[1].control"),
        ({"rules": [{"framework": "gdpr", "control": "Art. 10", "coverage": 0.9}]}, "rules[0].senses"),
        ({"rules": [{"framework": "gdpr", "control": "Art. 10", "senses": ["secrets"]}]}, "rules[0].why"),
    ],
)
async def test_rule_that_cannot_hold_is_refused_by_name(
    analysis: Analysis, body: dict[str, Any], field: str
) -> None:
    answer = await put(analysis, body, after=0, tenant=analysis.tenant)
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == field


async def test_reader_may_not_change_the_rules(analysis: Analysis) -> None:
    headers = {"Authorization": f"Bearer {analysis.tenant} evidence:read", "If-Match": '"0"'}
    assert (await analysis.client.put(PATH, json={}, headers=headers)).status_code == 403
