"""Alive means the process answers; ready means it can do its work."""

import asyncio

import httpx
import pytest

from tests.contracts.services import BY_NAME
from tests.contracts.world import RunningService, World
from tests.integration.mapper_svc.stalling_relay import stalling

DEAD_DATABASE = "postgresql+psycopg://nobody:hidden-password@127.0.0.1:1/none"
DEAD_VALKEY = "redis://:hidden-password@127.0.0.1:1"


async def test_healthy_service_is_alive_and_ready_without_a_token(service: RunningService) -> None:
    live = await service.client.get("/health/live")
    assert (live.status_code, live.json()) == (200, {"status": "alive"})
    ready = await service.client.get("/health/ready")
    assert ready.status_code == 200
    assert ready.json()["status"] == "ready"
    assert {"postgres", "valkey"} <= ready.json()["dependencies"].keys()
    for dependency in ready.json()["dependencies"].values():
        assert dependency["status"] == "up"
        assert dependency["reason"] is None


async def test_service_that_loses_postgres_says_what_it_can_still_do(
    service: RunningService, world: World
) -> None:
    there = world.databases[service.table.schema].runtime
    async with (
        stalling(there) as (relay, url),
        world.another(service.table, database_url=url) as cut_off,
    ):
        assert (await cut_off.client.get("/health/ready")).json()["status"] == "ready"
        relay.stall()
        await asyncio.sleep(1.1)  # an answer may be a second old
        ready = await cut_off.client.get("/health/ready")
        live = await cut_off.client.get("/health/live")
        relay.flow()
    expected = service.table.without_postgres
    assert ready.json()["status"] == expected
    assert ready.status_code == (503 if expected == "unavailable" else 200)
    assert ready.json()["dependencies"]["postgres"]["status"] == "down"
    assert live.status_code == 200, "restarting it would not bring the database back"


async def test_service_started_without_postgres_is_up_and_tells_no_secret(
    service: RunningService, world: World
) -> None:
    async with world.another(service.table, database_url=DEAD_DATABASE) as cut_off:
        ready = await cut_off.client.get("/health/ready")
    assert ready.json()["dependencies"]["postgres"]["status"] == "down"
    assert ready.json()["status"] != "ready"
    assert "hidden-password" not in ready.text


async def test_without_valkey_the_service_is_degraded_and_still_answers(
    service: RunningService, world: World
) -> None:
    async with world.another(service.table, redis_url=DEAD_VALKEY) as cut_off:
        ready = await cut_off.client.get("/health/ready")
        answer = await cut_off.client.post(
            service.table.path, json=service.table.body, headers=await world.headers()
        )
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    assert ready.json()["dependencies"]["valkey"]["critical"] is False
    assert answer.status_code == 200, answer.text


async def test_mapper_maps_without_postgres(world: World) -> None:
    async with world.another(BY_NAME["mapper_svc"], database_url=DEAD_DATABASE) as cut_off:
        body = {"detector": "openai_moderation", "output": "never-heard-of"}
        answer = await cut_off.client.post("/api/v1/map", json=body, headers=await world.headers())
    assert answer.status_code == 200
    assert answer.json()["findings"][0]["taxonomy"] == ["OTHER.Unknown"]
    assert "mapper_review_not_kept_total 1.0" in cut_off.metrics()


@pytest.mark.parametrize("host", ["mapper", "analysis"])
async def test_orchestration_is_only_degraded_without_another_service(world: World, host: str) -> None:
    async def refused(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    world.wires.faults[host] = refused
    async with world.another(BY_NAME["orchestration_svc"]) as orchestration:
        ready = await orchestration.client.get("/health/ready")
    assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
    state = ready.json()["dependencies"][f"{host}_svc"]
    assert (state["status"], state["critical"], state["reason"]) == ("down", False, "ConnectError")
