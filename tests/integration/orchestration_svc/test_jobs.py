"""Texts sent for later: submitted, run, read, cancelled, retried; encrypted while they wait, erased after."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from msgspec.structs import replace

from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.data_keys import DataKeySealer, EnvironmentKeyWrapper
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.job_worker import end_of
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.detection import DetectorFault, DetectorStatus, FailureReason
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.settings import Settings
from tests.fixtures.databases import KEY_ENCRYPTION_KEY
from tests.integration.orchestration_svc.conftest import Service, issue, running

MARK = "Zq7canarytext"
ENDED = {"succeeded", "failed", "cancelled"}
Superuser = psycopg.Connection[Any]


@asynccontextmanager
async def working(service: Service) -> AsyncIterator[None]:
    """Let the worker of this application run for the length of the block."""
    task = asyncio.create_task(service.app.state.job_worker.run())
    try:
        yield
    finally:
        await end_of(task)


async def test_nothing_waits_for_a_tenant_that_is_not_there(database: Database) -> None:
    sealer = DataKeySealer(database, EnvironmentKeyWrapper(KEY_ENCRYPTION_KEY))
    with pytest.raises(ServiceError, match="tenant that this installation does not have") as refused:
        await sealer.seal(uuid4(), [("text", MARK)])
    assert refused.value.code is ErrorCode.UNAUTHORIZED


@pytest.fixture
def settings(settings: Settings) -> Settings:
    return replace(settings, worker_silent_s=1.0)


async def submit(service: Service, token: str, texts: int = 1, **more: Any) -> dict[str, Any]:
    items = [{"content": f"{MARK} {n}", "reference": f"r{n}", "subject": f"{MARK}@{n}"} for n in range(texts)]
    body = {"items": items, "mode": "async"}
    answer = await service.call("POST", "/api/v1/orchestrate/batch", token, json=body | more)
    assert answer.status_code == 202, answer.text
    job: dict[str, Any] = answer.json()
    assert answer.headers["location"] == job["status_url"]
    return job


async def shown(service: Service, token: str, job: dict[str, Any]) -> dict[str, Any]:
    answer = await service.call("GET", job["status_url"], token)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def until(service: Service, token: str, job: dict[str, Any], states: set[str]) -> dict[str, Any]:
    async with asyncio.timeout(40):
        while True:
            now = await shown(service, token, job)
            if now["state"] in states:
                return now
            await asyncio.sleep(0.05)


def rows(superuser: Superuser, table: str) -> list[str]:
    query = f"select row_to_json(r)::text from orchestration.{table} r"  # noqa: S608 - names from here
    return [text for (text,) in superuser.execute(query.encode()).fetchall()]


def sealed_texts(superuser: Superuser) -> int:
    found = superuser.execute("select count(*) from orchestration.job_items where sealed is not null")
    row = found.fetchone()
    assert row is not None
    return int(row[0])


async def test_one_text_is_answered_by_a_job(service: Service, admin: str) -> None:
    body = {"content": "hello", "mode": "async"}
    answer = await service.call("POST", "/api/v1/orchestrate", admin, json=body)
    assert answer.status_code == 202, answer.text
    assert answer.json()["processing_mode"] == "async"
    async with working(service):
        job = await until(service, admin, answer.json(), ENDED)
    assert (job["state"], job["items"], job["succeeded"], job["failed"]) == ("succeeded", 1, 1, 0)
    page = (await service.call("GET", job["results_url"], admin)).json()
    assert page["items"][0]["answer"]["detector_results"][0]["output"] == ["EMAIL"]
    assert page["items"][0]["status"] == 200


async def test_no_more_jobs_are_taken_than_the_tenant_may_have(service: Service, admin: str) -> None:
    limits = await service.call(
        "PUT", "/api/v1/settings", admin, json={"limits": {"jobs_queued": 3}}, headers={"If-Match": '"0"'}
    )
    assert limits.status_code == 200, limits.text
    body = {"content": MARK, "mode": "async"}
    sent = [service.call("POST", "/api/v1/orchestrate", admin, json=body) for _ in range(8)]
    answers = await asyncio.gather(*sent)
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 5
    refused = next(answer for answer in answers if answer.status_code == 429)
    assert refused.json()["error_code"] == "RATE_LIMITED"
    assert int(refused.headers["retry-after"]) > 0
    async with working(service):
        for answer in answers:
            if answer.status_code == 202:
                await until(service, admin, answer.json(), {"succeeded"})
    assert (await service.call("POST", "/api/v1/orchestrate", admin, json=body)).status_code == 202


async def test_results_come_in_pages_with_the_callers_own_names(service: Service, admin: str) -> None:
    async with working(service):
        job = await until(service, admin, await submit(service, admin, texts=25), ENDED)
    assert (job["state"], job["succeeded"]) == ("succeeded", 25)
    seen: list[str] = []
    after: int | None = -1
    while after is not None:
        url = f"{job['results_url']}?after={after}&limit=10"
        page = (await service.call("GET", url, admin)).json()
        seen += [item["reference"] for item in page["items"]]
        after = page["next_after"]
    assert seen == [f"r{n}" for n in range(25)]


async def test_text_is_encrypted_while_it_waits_and_erased_at_the_end(
    service: Service, admin: str, superuser: Superuser
) -> None:
    job = await submit(service, admin, texts=3)
    assert sealed_texts(superuser) == 3
    for table in ("jobs", "job_items", "procrastinate_jobs", "procrastinate_events", "data_keys"):
        assert MARK not in "".join(rows(superuser, table))
        assert MARK.encode().hex() not in "".join(rows(superuser, table))
    async with working(service):
        await until(service, admin, job, ENDED)
    assert sealed_texts(superuser) == 0
    assert MARK not in "".join(rows(superuser, "job_items"))


async def test_analysis_of_each_text_is_told_whose_it_was(service: Service, admin: str) -> None:
    people = {f"{MARK}@{n}" for n in range(3)}
    async with working(service):
        await until(service, admin, await submit(service, admin, texts=3, application="chat"), ENDED)
    assert {asked.subject for asked, _, _ in service.analysis.asked} == people
    assert {asked.application for asked, _, _ in service.analysis.asked} == {"chat"}
    service.analysis.asked.clear()
    items = [{"content": "a", "subject": "eve"}, {"content": "b"}]
    body = {"items": items, "mode": "sync", "application": "mail"}
    await service.call("POST", "/api/v1/orchestrate/batch", admin, json=body)
    told = {(asked.application, asked.subject) for asked, _, _ in service.analysis.asked}
    assert told == {("mail", "eve"), ("mail", None)}


async def test_queue_is_told_ids_and_nothing_else(
    service: Service, admin: str, superuser: Superuser, tenant: UUID
) -> None:
    job = await submit(service, admin, texts=2, policy="default")
    (queued,) = (json.loads(row) for row in rows(superuser, "procrastinate_jobs"))
    assert queued["args"] == {"tenant_id": str(tenant), "job_id": job["job_id"]}


async def test_another_tenant_has_no_such_job(service: Service, admin: str, access: Access) -> None:
    job = await submit(service, admin)
    other = (await access.tenants.create("other", actor="test")).tenant_id
    stranger = await issue(access, other, Role.ADMIN)
    for method, path in (
        ("GET", ""),
        ("GET", "/results"),
        ("GET", "/events"),
        ("POST", "/cancel"),
        ("POST", "/retry"),
    ):
        answer = await service.call(method, job["status_url"] + path, stranger)
        assert answer.status_code == 404, path
    assert (await service.call("GET", "/api/v1/jobs", stranger)).json()["jobs"] == []


async def test_queue_entry_that_names_another_tenant_runs_nothing(
    service: Service, admin: str, superuser: Superuser, access: Access
) -> None:
    job = await submit(service, admin)
    other = (await access.tenants.create("other", actor="test")).tenant_id
    superuser.execute(
        "update orchestration.procrastinate_jobs"
        " set args = jsonb_set(args, '{tenant_id}', to_jsonb(%s::text))",
        [str(other)],
    )
    async with working(service):
        async with asyncio.timeout(20):
            while rows(superuser, "procrastinate_jobs"):  # noqa: ASYNC110 - a row has no event
                await asyncio.sleep(0.05)
        assert (await shown(service, admin, job))["state"] == "queued"


async def test_queued_job_is_cancelled_at_once_and_its_texts_erased(
    service: Service, admin: str, superuser: Superuser
) -> None:
    job = await submit(service, admin, texts=3)
    cancelled = (await service.call("POST", f"{job['status_url']}/cancel", admin)).json()
    assert cancelled["state"] == "cancelled"
    assert sealed_texts(superuser) == 0
    again = await service.call("POST", f"{job['status_url']}/cancel", admin)
    assert again.json()["state"] == "cancelled"
    async with working(service):
        await asyncio.sleep(0.5)
    page = (await service.call("GET", job["results_url"], admin)).json()
    assert {item["state"] for item in page["items"]} == {"cancelled"}
    events = (await service.call("GET", "/api/v1/audit", admin)).json()["events"]
    assert [event["action"] for event in events].count("job.cancelled") == 1


async def test_job_of_a_revoked_key_is_not_run(
    service: Service, admin: str, access: Access, tenant: UUID, superuser: Superuser
) -> None:
    issued = await access.keys.issue(
        tenant_id=tenant,
        granter=None,
        name="leaves soon",
        roles=frozenset({Role.ANALYST}),
        scopes=None,
        lifetime=timedelta(days=1),
    )
    job = await submit(service, issued.token, texts=2)
    await access.keys.revoke(tenant_id=tenant, actor="test", key_id=issued.key.key_id)
    async with working(service):
        now = await until(service, admin, job, ENDED)
    assert (now["state"], now["reason"], now["succeeded"]) == ("failed", "submitter_revoked", 0)
    assert sealed_texts(superuser) == 0


async def test_unanswered_texts_wait_for_a_person_and_are_answered_on_retry(
    service: Service, admin: str, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("orchestration_svc.domain.job_run.PASS_DELAYS", (timedelta(0),))
    for detector in service.detectors:
        detector.raises = DetectorFault(DetectorStatus.FAILED, FailureReason.CRASHED)
    async with working(service):
        job = await submit(service, admin, texts=2)
        waiting = await until(service, admin, job, {"waiting_for_retry", *ENDED})
        assert waiting["state"] == "waiting_for_retry"
        assert sealed_texts(superuser) == 2
        for detector in service.detectors:
            detector.raises = None
        answer = await service.call("POST", f"{job['status_url']}/retry", admin)
        assert answer.status_code == 202, answer.text
        now = await until(service, admin, job, ENDED)
    assert (now["state"], now["succeeded"], now["failed"]) == ("succeeded", 2, 0)
    assert (await service.call("POST", f"{job['status_url']}/retry", admin)).status_code == 409


async def test_text_that_can_never_be_answered_fails_and_the_rest_is_answered(
    service: Service, admin: str
) -> None:
    async with working(service):
        job = await until(service, admin, await submit(service, admin, policy="no such policy"), ENDED)
    assert (job["state"], job["reason"]) == ("failed", "items_failed")
    page = (await service.call("GET", job["results_url"], admin)).json()
    assert (page["items"][0]["error_code"], page["items"][0]["status"]) == ("POLICY_NOT_FOUND", 400)


async def test_batch_is_answered_at_once_in_its_order(service: Service, admin: str) -> None:
    body = {"items": [{"content": f"t{n}", "reference": str(n)} for n in range(20)], "mode": "sync"}
    answer = await service.call("POST", "/api/v1/orchestrate/batch", admin, json=body)
    assert answer.status_code == 200, answer.text
    assert [item["reference"] for item in answer.json()["items"]] == [str(n) for n in range(20)]
    assert answer.json()["succeeded"] == 20


async def test_batch_over_a_hundred_is_a_job_unless_it_must_not_be(service: Service, admin: str) -> None:
    body = {"items": [{"content": "x"}] * 101}
    answer = await service.call("POST", "/api/v1/orchestrate/batch", admin, json=body)
    assert answer.status_code == 202
    answer = await service.call("POST", "/api/v1/orchestrate/batch", admin, json=body | {"mode": "sync"})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "items")


async def test_events_tell_progress_and_the_end(service: Service, admin: str) -> None:
    job = await submit(service, admin, texts=3)
    async with working(service), asyncio.timeout(30):
        answer = await service.call("GET", job["events_url"], admin)
    assert answer.headers["content-type"].startswith("text/event-stream")
    kinds = [line for line in answer.text.splitlines() if line.startswith("event: ")]
    assert kinds[-1] == "event: end"
    assert kinds.count("event: end") == 1


async def test_ended_job_is_forgotten_in_time(service: Service, admin: str, superuser: Superuser) -> None:
    async with working(service):
        job = await until(service, admin, await submit(service, admin), ENDED)
        superuser.execute("set search_path to orchestration")
        # Beside the loop: the worker in it may hold one of these rows, and has to go on to let it go.
        due = "update orchestration.procrastinate_jobs set scheduled_at = now()"
        await asyncio.to_thread(superuser.execute, due)
        async with asyncio.timeout(20):
            while (await service.call("GET", job["status_url"], admin)).status_code != 404:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
    assert rows(superuser, "job_items") == []


async def test_job_waits_for_a_worker_across_a_restart_of_the_service(settings: Settings, admin: str) -> None:
    async with running(settings) as first:
        job = await submit(first, admin, texts=2)
    async with running(settings) as second, working(second):
        assert (await until(second, admin, job, ENDED))["state"] == "succeeded"
