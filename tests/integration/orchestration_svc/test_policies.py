"""Policies of tenants on a real Postgres and Valkey: validated, versioned, in force everywhere at once."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from orchestration_svc.adapters.access import Access
from orchestration_svc.adapters.policy_cache import KEPT_S
from orchestration_svc.domain.access import Role
from orchestration_svc.settings import Settings
from tests.integration.orchestration_svc.conftest import Service, issue, running

PATH = "/api/v1/policies"
BLOCKS = """package policy

plan := {"coverage": {"threshold": 1.0}}

decision := {"action": "block", "reasons": ["by order"]}

test_it_blocks if decision.action == "block"
"""
ALLOWS = BLOCKS.replace("block", "allow")
FAILS = (
    BLOCKS.replace('decision := {"action": "block", "reasons": ["by order"]}', 'decision := {"action": a}')
    .replace("test_it", 'a := "allow" if input.wanted == null\n\ntest_it')
    .replace('decision.action == "block"', "true")
)


@pytest.fixture
async def analyst(access: Access, tenant: UUID) -> str:
    return await issue(access, tenant, Role.ANALYST)


async def upload(service: Service, admin: str, source: str, **more: Any) -> Any:
    body = {"name": "default", "modules": {"policy.rego": source}} | more
    return await service.call("POST", PATH, admin, json=body)


async def activate(service: Service, admin: str, version: int) -> Any:
    answer = await service.call("POST", f"{PATH}/default/activate", admin, json={"version": version})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def action(service: Service, token: str, **body: Any) -> tuple[int, str]:
    answer = await service.call("POST", "/api/v1/orchestrate", token, json={"content": "hello"} | body)
    said = answer.json()
    return answer.status_code, said.get("policy_decision", {}).get("action") or said["error_code"]


async def test_policy_goes_from_upload_to_force_and_back(service: Service, admin: str, analyst: str) -> None:
    assert await action(service, analyst) == (200, "flag")
    first = await upload(service, admin, BLOCKS)
    assert (first.status_code, first.json()["version"]) == (201, 1)
    assert first.json()["tests"] == [{"rule": "data.policy.test_it_blocks", "passed": True}]
    assert await action(service, analyst) == (200, "flag"), "not in force before it is activated"
    assert (await activate(service, admin, 1))["active"] == 1
    assert await action(service, analyst) == (200, "block")
    assert (await upload(service, admin, ALLOWS)).json()["version"] == 2
    assert (await activate(service, admin, 2))["previous"] == 1
    assert await action(service, analyst) == (200, "allow")
    back = await service.call("POST", f"{PATH}/default/rollback", admin)
    assert (back.status_code, back.json()["active"]) == (200, 1)
    assert await action(service, analyst) == (200, "block")
    await activate(service, admin, 0)
    assert await action(service, analyst) == (200, "flag"), "out of force, the shipped one holds again"
    events = (await service.call("GET", "/api/v1/audit", admin)).json()["events"]
    acts = [one["action"] for one in events if one["subject"] == "policies/default"]
    assert acts[::-1] == [
        "policy.uploaded",
        "policy.activated",
        "policy.uploaded",
        "policy.activated",
        "policy.rolled_back",
        "policy.activated",
    ]


async def test_versions_sources_and_differences_are_shown(service: Service, admin: str, analyst: str) -> None:
    await upload(service, admin, BLOCKS)
    await upload(service, admin, ALLOWS)
    listed = (await service.call("GET", f"{PATH}/default/versions", analyst)).json()["versions"]
    assert [one["version"] for one in listed] == [2, 1]
    shown = (await service.call("GET", f"{PATH}/default/versions/1", analyst)).json()
    assert shown["modules"] == {"policy.rego": BLOCKS}
    diff = (await service.call("GET", f"{PATH}/default/diff?from=1&to=2", analyst)).json()["changed"]
    assert list(diff) == ["policy.rego"]
    assert '-decision := {"action": "block"' in diff["policy.rego"]
    everything = (await service.call("GET", PATH, analyst)).json()
    assert [one["name"] for one in everything["policies"]] == ["default"]
    assert {one["name"] for one in everything["shared"]} == {"default", "privacy", "strict"}
    assert (await service.call("GET", f"{PATH}/default/versions/3", analyst)).status_code == 404


async def test_dry_run_tries_a_version_that_is_not_in_force(
    service: Service, admin: str, analyst: str
) -> None:
    await upload(service, admin, BLOCKS)
    body = {"version": 1, "rule": "decision", "input": {}}
    answer = (await service.call("POST", f"{PATH}/default/dry-run", analyst, json=body)).json()
    assert answer == {"value": {"action": "block", "reasons": ["by order"]}, "problem": None}


async def test_policy_that_fails_in_force_denies(service: Service, admin: str, analyst: str) -> None:
    taken = await upload(service, admin, FAILS)
    assert taken.status_code == 201, taken.text
    await activate(service, admin, 1)
    assert await action(service, analyst, detectors=["alpha"]) == (403, "POLICY_DENIED")


async def test_invalid_policy_is_neither_kept_nor_active(service: Service, admin: str, analyst: str) -> None:
    refused = await upload(service, admin, BLOCKS.replace('== "block"', '== "allow"'))
    assert (refused.status_code, refused.json()["error_code"]) == (400, "INVALID_REQUEST")
    assert refused.json()["errors"][0]["field"] == "data.policy.test_it_blocks"
    assert (await service.call("GET", f"{PATH}/default/versions", analyst)).json() == {"versions": []}
    answer = await service.call("POST", f"{PATH}/default/activate", admin, json={"version": 1})
    assert answer.status_code == 404


async def test_nothing_to_go_back_to_is_a_409(service: Service, admin: str) -> None:
    await upload(service, admin, BLOCKS)
    await activate(service, admin, 1)
    answer = await service.call("POST", f"{PATH}/default/rollback", admin)
    assert (answer.status_code, answer.json()["error_code"]) == (409, "CONFLICT")


async def test_only_an_admin_changes_policies(service: Service, analyst: str) -> None:
    assert (await upload(service, analyst, BLOCKS)).status_code == 403
    answer = await service.call("POST", f"{PATH}/default/activate", analyst, json={"version": 1})
    assert answer.status_code == 403


async def test_policy_of_one_tenant_is_nothing_to_another(
    service: Service, admin: str, analyst: str, access: Access
) -> None:
    await upload(service, admin, BLOCKS)
    await activate(service, admin, 1)
    other = (await access.tenants.create("other", actor="test")).tenant_id
    stranger = await issue(access, other, Role.ADMIN)
    assert await action(service, analyst) == (200, "block")
    assert await action(service, stranger) == (200, "flag")
    assert (await service.call("GET", f"{PATH}/default/versions/1", stranger)).status_code == 404
    answer = await service.call("POST", f"{PATH}/default/activate", stranger, json={"version": 1})
    assert answer.status_code == 404


async def test_change_reaches_another_process(
    service: Service, settings: Settings, admin: str, analyst: str
) -> None:
    async with running(settings) as other:
        assert await action(other, analyst) == (200, "flag")
        await upload(service, admin, BLOCKS)
        await activate(service, admin, 1)
        # Without the news it would be KEPT_S at most.
        await asyncio.sleep(KEPT_S)
        assert await action(other, analyst) == (200, "block")


async def test_decisions_are_counted(service: Service, analyst: str) -> None:
    await action(service, analyst)
    registry = service.app.state["metrics"].registry
    value = registry.get_sample_value(
        "policy_enforcement_total",
        {
            "tenant": str((await whoami(service))[0]),
            "policy": "default",
            "status": "flag",
            "violation_type": "finding",
        },
    )
    assert value == 1.0


async def whoami(service: Service) -> list[UUID]:
    return [tenant for _, tenant, _ in service.mapper.asked]
