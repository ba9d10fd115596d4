"""Exports of evidence as it is kept, checked by the command and by the reference reader of OSCAL."""

import argparse
import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
from click.testing import CliRunner
from trestle.core import validator_factory
from trestle.oscal.assessment_results import AssessmentResults

from analysis_svc.__main__ import cli
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis
from tests.integration.analysis_svc.test_control_status import clean

PATH = "/api/v1/evidence/exports"
SECRET = {"id": "f1", "label": "SECRET.ApiKey", "score": 1.0, "confidence": 1.0, "detector": "detect_secrets"}


def headers(analysis: Analysis) -> dict[str, str]:
    scopes = "evidence:read evidence:export settings:manage audit:read"
    return {"Authorization": f"Bearer {analysis.tenant} {scopes}"}


async def export(analysis: Analysis, form: str, **more: Any) -> httpx.Response:
    body = {"framework": "iso27001", "format": form, **more}
    return await analysis.client.post(PATH, json=body, headers=headers(analysis))


@pytest.fixture
async def filled(analysis: Analysis, analysis_database: ServiceDsns) -> Analysis:
    """A month of evidence with one violation, and an audit log with two events."""
    bad = clean(application="=1+1") | {"findings": [SECRET]}
    await analysis.analyze({"items": [*(clean() for _ in range(75)), bad]})
    for after in range(2):
        answer = await analysis.client.put(
            "/api/v1/evidence-rules", json={}, headers=headers(analysis) | {"If-Match": f'"{after}"'}
        )
        assert answer.status_code == 200
    with psycopg.connect(analysis_database.admin) as admin:
        admin.execute(
            "UPDATE analysis.analyses a SET analysed_at = now() - b.n * interval '9 hours' FROM"
            " (SELECT id, row_number() OVER (ORDER BY id) AS n FROM analysis.analyses) b WHERE a.id = b.id"
        )
    return analysis


def run(*arguments: str) -> Any:
    return CliRunner().invoke(cli, ["verify", *arguments])


async def test_exports_verify_offline_and_against_the_published_key(filled: Analysis, tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    for form, ending in (("json", "json"), ("csv", "csv.zip"), ("oscal", "oscal.json")):
        made = await export(filled, form)
        assert made.status_code == 201, made.text
        assert made.headers["content-disposition"].endswith(f'.{ending}"')
        file = tmp_path / f"export.{ending}"
        file.write_bytes(made.content)
        keys.write_bytes((await filled.client.get("/.well-known/evidence-keys.json")).content)
        found = run(str(file), "--keys", str(keys), "--json")
        assert found.exit_code == 0, found.output
        assert json.loads(found.output)["records"] == 76
        assert run(str(file)).exit_code == 3  # whose signature it is was not asked
        file.write_bytes(made.content.replace(b"insufficient", b"satisfied   ", 1))
        assert run(str(file), "--keys", str(keys)).exit_code == 1
    listed = (await filled.client.get(PATH, headers=headers(filled))).json()["exports"]
    assert [one["sequence"] for one in listed] == [3, 2, 1]
    events = (await filled.client.get("/api/v1/audit", headers=headers(filled))).json()["events"]
    assert [one["action"] for one in events[:3]] == ["evidence.exported"] * 3
    assert events[0]["detail"]["digest"] == listed[0]["digest"]


async def test_trestle_finds_nothing_wrong_with_the_oscal_export(filled: Analysis, tmp_path: Path) -> None:
    for framework in ("iso27001", "hipaa", "eu-ai-act"):
        made = await export(filled, "oscal", framework=framework)
        file = tmp_path / "assessment-results.json"
        file.write_bytes(made.content)
        results = AssessmentResults.oscal_read(file)
        assert isinstance(results, AssessmentResults)
        validator = validator_factory.validator_factory.get(argparse.Namespace(mode="all"))
        assert validator.model_is_valid(results, quiet=False, trestle_root=tmp_path)
        # Nothing is lost by reading: what trestle writes says the same.
        written = json.loads(results.oscal_serialize_json())["assessment-results"]
        sent = json.loads(made.content)["assessment-results"]
        assert written["results"][0]["findings"] == sent["results"][0]["findings"]


async def test_removed_audit_row_is_found_by_the_export_and_by_verify(
    filled: Analysis, analysis_database: ServiceDsns, tmp_path: Path
) -> None:
    with psycopg.connect(analysis_database.admin) as admin:
        admin.execute("DELETE FROM analysis.audit_events WHERE seq = 1")
    file = tmp_path / "export.json"
    file.write_bytes((await export(filled, "json")).content)
    found = run(str(file))
    assert (found.exit_code, "BROKEN" in found.output) == (1, True)


async def test_exports_made_at_once_are_numbered_without_a_gap(filled: Analysis) -> None:
    made = await asyncio.gather(*(export(filled, "json", framework="gdpr") for _ in range(6)))
    seals = [json.loads(one.content)["seal"]["sealed"] for one in made]
    assert sorted(one["sequence"] for one in seals) == [1, 2, 3, 4, 5, 6]
    assert len({one["previous"] for one in seals}) == 6


async def test_key_is_not_in_the_database_in_clear(filled: Analysis, analysis_database: ServiceDsns) -> None:
    await export(filled, "csv")
    with psycopg.connect(analysis_database.admin) as admin:
        ((sealed,),) = admin.execute("SELECT private_key_encrypted FROM analysis.evidence_keys").fetchall()
        assert len(sealed) == 12 + 32 + 16  # nonce, key, tag
    assert (await export(filled, "csv", framework="none")).status_code == 404
    later = (datetime.now(UTC) - timedelta(seconds=3)).isoformat()
    assert (await export(filled, "csv", **{"from": later})).json()["errors"][0]["field"] == "from"


async def test_reader_may_not_export(analysis: Analysis) -> None:
    reader = {"Authorization": f"Bearer {analysis.tenant} evidence:read"}
    answer = await analysis.client.post(PATH, json={"framework": "soc2", "format": "json"}, headers=reader)
    assert answer.status_code == 403
