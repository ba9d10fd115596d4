"""Reports on the real queue and database: ordered over HTTP, made by a worker, fetched."""

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec

from analysis_svc.adapters.job_worker import JobWorker, end_of
from analysis_svc.app import create_app
from analysis_svc.settings import example_settings
from tests.fixtures.databases import ServiceDsns
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
        example_settings(), database_url=database.runtime, metrics_port=0, worker_silent_s=2
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
