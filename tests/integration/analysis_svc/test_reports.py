"""Reports on the real queue and database: ordered over HTTP, made by a worker, fetched."""

import asyncio
import hashlib
import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import msgspec
import psycopg
import pytest
from click.testing import CliRunner

from analysis_svc.__main__ import cli
from analysis_svc.adapters.evidence_keys import signature_holds
from analysis_svc.adapters.insights.statistics_process import StatisticsProcess
from analysis_svc.adapters.job_worker import JobWorker, end_of
from analysis_svc.adapters.reports import pdf_file
from analysis_svc.app import create_app
from analysis_svc.domain.exports.verify import verify as verify_export
from analysis_svc.domain.insights.pattern_models import Found, Observation
from analysis_svc.settings import example_settings
from tests.fixtures.databases import KEY_ENCRYPTION_KEY, ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, bearer

STOLEN: dict[str, Any] = {
    "findings": [{"id": "f1", "label": "SECRET.CloudCredential", "score": 1.0, "confidence": 1.0}],
    "context": {
        "application": "<b>billing</b>",
        "detectors_required": ["detect_secrets"],
        "detectors_succeeded": ["detect_secrets"],
    },
}


def order(kind: str = "json", **changes: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    period = {"from": (now - timedelta(days=7)).isoformat(), "to": (now + timedelta(seconds=20)).isoformat()}
    return {"framework": "soc2", "period": period, "audience": "auditor", "format": kind} | changes


async def post(analysis: Analysis, body: object, path: str = "/reports", **headers: str) -> httpx.Response:
    return await analysis.client.post(f"/api/v1{path}", json=body, headers=bearer(analysis.tenant) | headers)


async def get(analysis: Analysis, path: str, tenant: UUID | None = None) -> httpx.Response:
    return await analysis.client.get(f"/api/v1{path}", headers=bearer(tenant or analysis.tenant))


@asynccontextmanager
async def a_worker(database: ServiceDsns) -> AsyncIterator[None]:
    settings = msgspec.structs.replace(
        example_settings(),
        database_url=database.runtime,
        metrics_port=0,
        index_catalogues=False,
        worker_silent_s=2,
        key_encryption_key=KEY_ENCRYPTION_KEY,
    )
    app = create_app(settings)
    worker: JobWorker = app.state.job_worker
    async with app.lifespan():
        running = asyncio.create_task(worker.run())
        try:
            yield
        finally:
            await end_of(running)


async def until(done: Callable[[dict[str, Any]], bool], analysis: Analysis, report_id: str) -> dict[str, Any]:
    while True:
        report: dict[str, Any] = (await get(analysis, f"/reports/{report_id}")).json()
        if done(report):
            return report
        await asyncio.sleep(0.05)


@pytest.fixture
def without_statistics(monkeypatch: pytest.MonkeyPatch) -> None:
    """Find no patterns where a test is about something else: the process for that starts slowly."""

    async def find(_: object, observation: Observation, only: object) -> Found:
        del only
        return Found(
            observation.span, observation.bucket, cut=False, analyses=0, tested={}, patterns=(), too_little=()
        )

    monkeypatch.setattr(StatisticsProcess, "find", find)


async def test_report_is_made_fetched_and_nobody_elses(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    await analysis.analyze({"items": [STOLEN, {"findings": []}]})
    made: dict[str, bytes] = {}
    async with a_worker(analysis_database):
        for kind, begin in (("json", b'{"data":'), ("html", b"<!doctype"), ("csv", b"PK"), ("pdf", b"%PDF-")):
            answer = await post(analysis, order(kind))
            assert answer.status_code == 202, answer.text
            where = answer.headers["Location"].removeprefix("/api/v1")
            assert (await get(analysis, where, analysis.other)).status_code == 404
            report = await until(lambda one: one["state"] == "ready", analysis, where.rpartition("/")[2])
            file = await get(analysis, f"{where}/file")
            assert file.content.startswith(begin), kind
            assert file.headers["Content-Disposition"].startswith("attachment; ")
            assert hashlib.sha256(file.content).hexdigest() == report["file"]["sha256"]
            assert (await get(analysis, f"{where}/file", analysis.other)).status_code == 404
            made[kind] = file.content
    data = json.loads(made["json"])["data"]
    assert data["whole"]["analyses"] == 2
    assert "CC6.1" in [one["control"] for one in data["controls"] if one["state"] == "violated"]
    assert b"&lt;b&gt;billing" in made["html"]
    assert b"<b>billing" not in made["html"]
    listed = (await get(analysis, "/reports?limit=3")).json()
    assert [one["format"] for one in listed["items"]] == ["pdf", "csv", "html"]
    rest = (await get(analysis, f"/reports?cursor={listed['next_cursor']}")).json()
    assert [one["format"] for one in rest["items"]] == ["json"]
    actions = (await get(analysis, "/audit")).json()["events"]
    assert [one["action"] for one in actions].count("report.ready") == 4


@pytest.mark.usefixtures("without_statistics")
async def test_detector_looked_only_where_it_had_to_and_did_not_fail_too(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    asked = {"detectors_required": ["d"], "detectors_succeeded": ["d"]}
    unasked = {"detectors_succeeded": ["d", "e"]}
    failed = asked | {"detectors_failed": [{"detector": "d", "status": "timeout"}]}
    items: list[dict[str, Any]] = [
        {"findings": [], "context": one} for one in (asked, unasked, unasked, failed)
    ]
    await analysis.analyze({"items": items})
    async with a_worker(analysis_database):
        report_id = (await post(analysis, order())).json()["report_id"]
        await until(lambda one: one["state"] == "ready", analysis, report_id)
    data = json.loads((await get(analysis, f"/reports/{report_id}/file")).content)["data"]
    assert data["stored"]["detectors"] == [
        {"detector": "d", "required": 2, "succeeded": 1, "failed": {"timeout": 1}},
        {"detector": "e", "required": 0, "succeeded": 0, "failed": {}},
    ]


@pytest.mark.usefixtures("without_statistics")
async def test_signed_report_verifies_offline_and_a_flipped_byte_does_not(
    analysis: Analysis, analysis_database: ServiceDsns, tmp_path: Path
) -> None:
    def verify(name: str, *options: str) -> tuple[int, str]:
        done = CliRunner().invoke(cli, ["verify-report", str(tmp_path / name), *options])
        return done.exit_code, done.output

    keys = tmp_path / "keys.json"
    async with a_worker(analysis_database):
        for kind in ("json", "html"):
            report_id = (await post(analysis, order(kind))).json()["report_id"]
            await until(lambda one: one["state"] == "ready", analysis, report_id)
            record = tmp_path / f"{kind}.record"
            record.write_bytes((await get(analysis, f"/reports/{report_id}")).content)
            whole = (await get(analysis, f"/reports/{report_id}/file")).content
            (tmp_path / kind).write_bytes(whole)
            (tmp_path / f"bad-{kind}").write_bytes(
                whole.replace(b"soc2", b"soc3").replace(b"SOC 2", b"SOC 3")
            )
    keys.write_bytes((await analysis.client.get("/.well-known/evidence-keys.json")).content)
    told = "--keys", str(keys)
    assert verify("json", *told)[0] == 0, "its signature is in it"
    assert verify("html", "--record", str(tmp_path / "html.record"), *told)[0] == 0
    assert verify("json")[0] == 3, "whose signature it is stays open"
    assert verify("bad-json", *told)[0] == 1
    assert verify("bad-html", "--record", str(tmp_path / "html.record"), *told)[0] == 1
    keys.write_text('{"keys": []}')
    assert verify("json", *told)[0] == 1, "anybody can sign with a key of his own"


async def test_oscal_report_is_an_export_and_needs_its_scope(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    await analysis.analyze(STOLEN)
    analyst = {"Authorization": f"Bearer {analysis.tenant} reports:read reports:write"}
    now = datetime.now(UTC)  # the whole period is kept only SETTLED after its end, and waited for
    period = {"from": (now - timedelta(days=7)).isoformat(), "to": now.isoformat()}
    assert (await post(analysis, order("oscal"), **analyst)).status_code == 403
    async with a_worker(analysis_database):
        report_id = (await post(analysis, order("oscal", period=period))).json()["report_id"]
        await until(lambda one: one["state"] == "ready", analysis, report_id)
    path = f"/api/v1/reports/{report_id}/file"
    refused = await analysis.client.get(path, headers=analyst)
    assert (refused.status_code, refused.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    file = (await get(analysis, f"/reports/{report_id}/file")).content
    assert verify_export(file, signature_holds, None).audit_intact


async def test_order_that_cannot_be_met_is_refused_by_field(
    analysis: Analysis, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = datetime.now(UTC)

    def period(since: timedelta, until: timedelta) -> dict[str, Any]:
        return {"period": {"from": (now + since).isoformat(), "to": (now + until).isoformat()}}

    for changes, field in (
        ({"framework": "nobody's"}, "framework"),
        (period(timedelta(days=-1), timedelta(days=1)), "period.to"),
        (period(timedelta(days=-1), timedelta(days=-2)), "period.from"),
        (period(timedelta(days=-500), timedelta(days=-1)), "period.from"),
        ({"period": {"from": "2026-10-01T00:00:00", "to": "2026-11-01T00:00:00Z"}}, "period.from"),
        ({"format": "docx"}, "format"),
        ({"application": "a\x00b"}, "application"),
    ):
        answer = await post(analysis, order(**changes))
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, field), answer.text
    monkeypatch.setattr(pdf_file, "LIBRARY", "no_such_library")
    missing = await post(analysis, order("pdf"))
    assert (missing.status_code, missing.json()["error_code"]) == (503, "SERVICE_UNAVAILABLE")
    assert "no_such_library" in missing.json()["detail"]
    read_only = {"Authorization": f"Bearer {analysis.tenant} reports:read"}
    assert (await post(analysis, order(), **read_only)).status_code == 403


async def test_same_key_orders_one_report_and_a_flood_is_stopped(analysis: Analysis) -> None:
    body = order()
    answers = await asyncio.gather(*(post(analysis, body, **{"Idempotency-Key": "k"}) for _ in range(4)))
    assert len({answer.json()["report_id"] for answer in answers}) == 1
    other = await post(analysis, body | {"audience": "technical"}, **{"Idempotency-Key": "k"})
    assert other.status_code == 409
    report_id = answers[0].json()["report_id"]
    assert (await get(analysis, f"/reports/{report_id}/file")).status_code == 409, "no worker has made it"
    for _ in range(19):
        assert (await post(analysis, body)).status_code == 202
    assert (await post(analysis, body)).status_code == 409


@pytest.mark.usefixtures("without_statistics")
async def test_schedule_makes_up_for_every_period_it_missed_once(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    wanted = {"framework": "soc2", "cadence": "daily", "audience": "executive", "format": "json"}
    made = (await post(analysis, wanted, "/report-schedules")).json()
    kept = (await get(analysis, "/report-schedules")).json()["items"]
    assert [one["schedule_id"] for one in kept] == [made["schedule_id"]]
    assert (await get(analysis, "/report-schedules", analysis.other)).json()["items"] == []
    inside = "-c search_path=analysis"
    with psycopg.connect(analysis_database.admin, options=inside) as admin:  # as if no worker was there
        admin.execute("UPDATE analysis.report_schedules SET next_at = next_at - interval '3 days'")
        admin.execute("UPDATE analysis.procrastinate_jobs SET scheduled_at = now()")
        admin.execute(  # a task that was put back after its worker died comes twice
            "INSERT INTO analysis.procrastinate_jobs (queue_name, task_name, priority, args)"
            " SELECT queue_name, task_name, priority, args FROM analysis.procrastinate_jobs"
        )
    async with a_worker(analysis_database):
        reports: list[dict[str, Any]] = []
        while len(reports) < 3 or {one["state"] for one in reports} != {"ready"}:
            reports = (await get(analysis, "/reports")).json()["items"]
            await asyncio.sleep(0.05)
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    ends = sorted(datetime.fromisoformat(one["period"]["to"]) for one in reports)
    assert ends == [today - timedelta(days=days) for days in (2, 1, 0)]
    path = f"/api/v1/report-schedules/{made['schedule_id']}"
    assert (await analysis.client.delete(path, headers=bearer(analysis.other))).status_code == 404
    assert (await analysis.client.delete(path, headers=bearer(analysis.tenant))).status_code == 204
    assert (await get(analysis, "/report-schedules")).json()["items"] == []


@pytest.mark.usefixtures("without_statistics")
async def test_report_outlives_a_worker_that_is_killed(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    await analysis.analyze(STOLEN)
    environment = os.environ | {
        "ANALYSIS_DATABASE_URL": analysis_database.runtime,
        "ANALYSIS_REDIS_URL": "redis://localhost:1",
        "ANALYSIS_ORCHESTRATION_URL": "http://localhost:1",
        "ANALYSIS_WORKER_SILENT_S": "2",
    }
    report_id = (await post(analysis, order())).json()["report_id"]
    # It waits for this lock with the report in its hands, and dies there.
    with psycopg.connect(analysis_database.admin) as admin:
        admin.execute("LOCK TABLE analysis.report_files")
        worker = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "analysis_svc", "worker", env=environment, stdout=asyncio.subprocess.DEVNULL
        )
        await until(lambda one: one["state"] == "running", analysis, report_id)
        worker.kill()
        await worker.wait()
    async with a_worker(analysis_database):
        report = await until(lambda one: one["state"] == "ready", analysis, report_id)
    file = await get(analysis, f"/reports/{report_id}/file")
    assert hashlib.sha256(file.content).hexdigest() == report["file"]["sha256"]
    actions = [one["action"] for one in (await get(analysis, "/audit")).json()["events"]]
    assert sorted(actions) == ["report.ordered", "report.ready"]
