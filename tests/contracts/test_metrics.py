"""Metrics have the same names everywhere, a port of their own, and labels that stay few."""

import re
from uuid import uuid4

import httpx

from deploy.local.ports import free_ports
from orchestration_svc.adapters.metrics import Metrics
from tests.contracts.world import RunningService, World


async def test_shared_and_own_metrics_are_there(service: RunningService, world: World) -> None:
    headers = await world.headers()
    await service.client.post(service.table.path, json=service.table.body, headers=headers)
    text = service.metrics()
    path = service.table.path
    assert f'http_requests_total{{method="POST",route="{path}",status="200"}}' in text
    assert f'http_request_duration_seconds_count{{method="POST",route="{path}"}}' in text
    assert {name for name in service.table.own_metrics if f"# TYPE {name} " not in text} == set()


async def test_paths_and_methods_of_a_stranger_make_no_new_labels(service: RunningService) -> None:
    for _ in range(5):
        await service.client.get(f"/made/up/{uuid4()}")
        await service.client.request(f"M{uuid4().hex[:8]}".upper(), "/health/live")
    labels = re.findall(r'http_requests_total\{method="(\w+)",route="([^"]*)"', service.metrics())
    routes = {route for _, route in labels}
    assert "unmatched" in routes
    assert not [route for route in routes if "made" in route]
    assert {method for method, _ in labels} <= {"GET", "POST", "OTHER", "PUT", "PATCH", "DELETE"}


async def test_ids_in_paths_are_no_labels(service: RunningService, world: World) -> None:
    paths = {
        "orchestration_svc": f"/api/v1/keys/{uuid4()}",
        "mapper_svc": f"/api/v1/taxonomy/labels/{uuid4()}",
        "analysis_svc": f"/api/v1/evidence/{uuid4()}",
    }
    path = paths[service.table.name]
    method = "DELETE" if service.table.name == "orchestration_svc" else "GET"
    answer = await service.client.request(method, path, headers=await world.headers())
    assert answer.status_code == 404
    assert path.rsplit("/", 1)[1] not in service.metrics()


async def test_metrics_are_on_a_port_of_their_own(service: RunningService, world: World) -> None:
    port = free_ports(1)[0]
    async with world.another(service.table, metrics_port=port), httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/metrics")
    assert answer.status_code == 200
    assert "http_requests_total" in answer.text
    assert (await service.client.get("/metrics")).status_code == 404


def test_tenants_past_a_hundred_share_one_label() -> None:
    metrics = Metrics()
    for number in range(250):
        metrics.orchestrated(
            tenant=f"t{number}", policy="default", status=200, milliseconds=1.0, coverage=1.0
        )
    tenants = {
        sample.labels["tenant"]
        for family in metrics.registry.collect()
        for sample in family.samples
        if "tenant" in sample.labels
    }
    assert len(tenants) == 101
    assert "other" in tenants
