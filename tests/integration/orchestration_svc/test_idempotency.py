"""The same request sent twice under one Idempotency-Key is done once, whoever dies in between."""

import asyncio
from typing import Any
from uuid import UUID

import psycopg
import pytest

from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.job_repository import JobRepository
from orchestration_svc.domain.access import Role
from orchestration_svc.domain.errors import StorageUnavailableError
from tests.integration.orchestration_svc.conftest import Service, issue

BATCH = "/api/v1/orchestrate/batch"
BODY = {"items": [{"content": "Zq7canarytext"}], "mode": "async"}
Superuser = psycopg.Connection[Any]


async def send(service: Service, token: str, key: str, path: str = BATCH, **body: Any) -> Any:
    return await service.call("POST", path, token, json=body or BODY, headers={"Idempotency-Key": key})


def count(superuser: Superuser, table: str) -> int:
    row = superuser.execute(f"select count(*) from orchestration.{table}".encode()).fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


async def test_second_request_gets_the_first_ones_answer(
    service: Service, admin: str, superuser: Superuser
) -> None:
    first, second = [await send(service, admin, "k1") for _ in range(2)]
    assert (first.status_code, second.status_code) == (202, 202)
    assert first.json() == second.json()
    assert first.headers["location"] == second.headers["location"]
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert count(superuser, "jobs") == 1


async def test_key_with_another_body_or_operation_is_a_conflict(service: Service, admin: str) -> None:
    assert (await send(service, admin, "k1")).status_code == 202
    other_body = await send(service, admin, "k1", items=[{"content": "other"}], mode="async")
    other_path = await send(service, admin, "k1", "/api/v1/orchestrate", content="x", mode="async")
    assert [one.status_code for one in (other_body, other_path)] == [409, 409]


async def test_key_belongs_to_its_tenant(
    service: Service, admin: str, access: Access, superuser: Superuser
) -> None:
    other = (await access.tenants.create("other", actor="test")).tenant_id
    stranger = await issue(access, other, Role.ADMIN)
    first, second = await send(service, admin, "k1"), await send(service, stranger, "k1")
    assert first.json()["job_id"] != second.json()["job_id"]
    assert count(superuser, "jobs") == 2


async def test_twenty_at_once_make_one_job(service: Service, admin: str, superuser: Superuser) -> None:
    answers = await asyncio.gather(*(send(service, admin, "k1") for _ in range(20)))
    assert {one.status_code for one in answers} <= {202, 409, 503}
    taken = [one.json()["job_id"] for one in answers if one.status_code == 202]
    assert len(set(taken)) == 1
    assert count(superuser, "jobs") == 1


async def test_refused_request_may_be_corrected_under_its_key(service: Service, admin: str) -> None:
    refused = await send(
        service,
        admin,
        "k1",
        items=[{"content": "x"}],
        webhook={"url": "https://nobody.example/", "secret": "s" * 24},
    )
    assert refused.status_code == 400
    assert (await send(service, admin, "k1")).status_code == 202


async def test_commit_that_was_not_confirmed_is_found_by_the_next_attempt(
    service: Service, admin: str, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    add = JobRepository.add

    async def commits_and_is_cut_off(self: JobRepository, **named: Any) -> Any:
        await add(self, **named)
        raise StorageUnavailableError

    monkeypatch.setattr(JobRepository, "add", commits_and_is_cut_off)
    assert (await send(service, admin, "k1")).status_code == 503
    monkeypatch.setattr(JobRepository, "add", add)
    assert (await send(service, admin, "k1")).status_code == 202
    assert count(superuser, "jobs") == 1
    assert count(superuser, "procrastinate_jobs") == 1


async def test_holder_that_died_is_succeeded_after_its_time(
    service: Service, admin: str, superuser: Superuser
) -> None:
    first = await send(service, admin, "k1")
    superuser.execute(
        "update orchestration.idempotency_records set answer = null, status = null, held_until = now()"
    )
    second = await send(service, admin, "k1")
    assert second.json()["job_id"] == first.json()["job_id"]
    assert count(superuser, "jobs") == 1


async def test_key_is_free_again_after_a_day(service: Service, admin: str, superuser: Superuser) -> None:
    first = await send(service, admin, "k1")
    superuser.execute("update orchestration.idempotency_records set expires_at = now()")
    second = await send(service, admin, "k1")
    assert second.json()["job_id"] != first.json()["job_id"]


async def test_neither_key_nor_body_nor_answer_is_readable_in_the_table(
    service: Service, admin: str, superuser: Superuser
) -> None:
    answer = await send(service, admin, "secret-order-number")
    (row,) = superuser.execute(
        "select row_to_json(r)::text from orchestration.idempotency_records r"
    ).fetchall()
    for text in ("secret-order-number", "Zq7canarytext", answer.json()["state"]):
        assert text not in row[0]
        assert text.encode().hex() not in row[0]


async def test_answer_given_now_is_given_again(service: Service, admin: str) -> None:
    first, second = [await send(service, admin, "k1", "/api/v1/orchestrate", content="x") for _ in range(2)]
    assert first.json()["request_id"] == second.json()["request_id"]


@pytest.mark.parametrize("key", ["", "x" * 256, "two words"])
async def test_key_that_is_none_is_refused(service: Service, admin: str, key: str) -> None:
    answer = await send(service, admin, key)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "Idempotency-Key")


REGO = """package policy

plan := {"coverage": {"threshold": 1.0}}

decision := {"action": "allow"}

test_it_allows if decision.action == "allow"
"""
POLICY = {"name": "mine", "modules": {"policy.rego": REGO}}
DETECTOR = {
    "name": "hap",
    "adapter": "fms",
    "url": "https://hap.example.com",
    "vendor": "fms_detectors_api",
    "options": {"detector_id": "d"},
    "probe": "none",
}
MADE: dict[str, tuple[str, dict[str, Any], dict[str, Any], str]] = {
    "policy": ("/api/v1/policies", POLICY, POLICY | {"name": "other"}, "policy_bundles"),
    "detector": ("/api/v1/detectors", DETECTOR, DETECTOR | {"name": "other"}, "detectors"),
}


@pytest.mark.parametrize("what", MADE)
async def test_what_is_uploaded_or_registered_ten_times_at_once_is_made_once(
    service: Service, admin: str, superuser: Superuser, what: str
) -> None:
    path, body, other, table = MADE[what]
    answers = await asyncio.gather(*(send(service, admin, "k1", path, **body) for _ in range(10)))
    assert {one.status_code for one in answers} <= {201, 409, 503}
    (made,) = {one.text for one in answers if one.status_code == 201}
    assert count(superuser, table) == 1
    replayed = await send(service, admin, "k1", path, **body)
    assert (replayed.status_code, replayed.text) == (201, made)
    assert replayed.headers["idempotency-replayed"] == "true"
    assert (await send(service, admin, "k1", path, **other)).status_code == 409


@pytest.mark.parametrize("what", MADE)
async def test_what_was_made_by_one_who_died_is_found_and_not_made_again(
    service: Service, admin: str, superuser: Superuser, what: str
) -> None:
    path, body, _, table = MADE[what]
    first = await send(service, admin, "k1", path, **body)
    # As if the process had been killed between what it made and the note of its answer.
    superuser.execute(
        "update orchestration.idempotency_records"
        " set answer = null, status = null, held_until = now() - interval '1 s'"
    )
    again = await send(service, admin, "k1", path, **body)
    assert (again.status_code, again.json()) == (201, first.json())
    assert count(superuser, table) == 1


async def test_version_that_somebody_else_added_is_no_answer_to_a_key(
    service: Service, access: Access, admin: str, tenant: UUID, superuser: Superuser
) -> None:
    colleague = await issue(access, tenant, Role.ADMIN)
    path = "/api/v1/detectors"
    assert (await send(service, colleague, "k1", path, **DETECTOR)).status_code == 201
    for key in ("k2", "k3", "k2"):
        taken = await send(service, admin, key, path, **DETECTOR)
        assert (taken.status_code, taken.json()["error_code"]) == (409, "CONFLICT")
    # Added anew after it was removed, it is another one than the key made that nobody heard of.
    superuser.execute(
        "update orchestration.idempotency_records"
        " set answer = null, status = null, held_until = now() - interval '1 s'"
    )
    assert (await service.call("DELETE", f"{path}/hap/versions/1", admin)).status_code == 204
    assert (await service.call("POST", path, admin, json=DETECTOR)).status_code == 201
    assert (await send(service, colleague, "k1", path, **DETECTOR)).status_code == 409
    assert count(superuser, "detectors") == 1
