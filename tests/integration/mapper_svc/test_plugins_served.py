"""Plugins as clients and operators of the running service see them."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

import httpx
import pytest

from mapper_svc.adapters import plugin_points
from mapper_svc.domain.plugins import Remark, SeenFinding
from tests.integration.mapper_svc.conftest import Mapper, bearer

LOG: dict[str, Any] = {
    "version": "2.1.0",
    "runs": [
        {
            "tool": {
                "driver": {
                    "name": "semgrep",
                    "rules": [{"id": "sqli", "properties": {"tags": ["CWE-89: SQL Injection"]}}],
                }
            },
            "results": [
                {"ruleId": "sqli", "level": "error", "message": {"text": "SELECT hunter2"}},
                {"ruleId": "never-heard-of", "level": "note", "message": {"text": "hunter2"}},
            ],
        }
    ],
}


async def test_scan_of_code_is_mapped_and_what_it_cannot_name_goes_to_review(mapper: Mapper) -> None:
    answer = await mapper.map({"detector": "semgrep", "output": LOG})
    by_rule = {finding["raw"]["label"]: finding for finding in answer["findings"]}
    assert by_rule["sqli"]["taxonomy"] == ["SECURITY.CodeInjection"]
    assert by_rule["sqli"]["scores"] == {"SECURITY.CodeInjection": 0.9}
    assert by_rule["never-heard-of"]["taxonomy"] == ["OTHER.Unknown"]
    assert "hunter2" not in str(answer)
    assert [item["raw_label"] for item in await mapper.review()] == ["never-heard-of"]


async def test_clean_scan_is_clean_and_one_that_did_not_run_is_not(mapper: Mapper) -> None:
    clean = {"version": "2.1.0", "runs": [{"results": []}]}
    broken = {"version": "2.1.0", "runs": [{"results": None}]}
    answer = await mapper.map({"items": [{"detector": "sarif", "output": log} for log in (clean, broken)]})
    labels = [finding["taxonomy"] for result in answer["results"] for finding in result["findings"]]
    assert labels == [["OTHER.Safe"], ["OTHER.ModelError"]]


async def every(client: httpx.AsyncClient, tenant: UUID) -> dict[str, dict[str, Any]]:
    answer = await client.get("/api/v1/plugins", headers=bearer(tenant))
    assert answer.status_code == 200, answer.text
    return {one["name"]: one for one in answer.json()["plugins"]}


async def test_installed_plugins_are_listed(mapper: Mapper) -> None:
    plugins = await every(mapper.client, mapper.tenant)
    assert (plugins["sarif"]["kind"], plugins["sarif"]["status"]) == ("mapper", "active")
    assert "semgrep" in plugins["sarif"]["detectors"]
    assert (plugins["vendor_pillars"]["kind"], plugins["vendor_pillars"]["status"]) == ("validator", "active")


class Falling:
    name = "vendor_pillars"
    notes: dict[str, str] = {}  # noqa: RUF012 - read only

    def check(self, findings: Sequence[SeenFinding]) -> Sequence[Remark]:
        raise ValueError(findings[0].raw)


@pytest.fixture
def falling_validator(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of the installed plugins fails whenever it is called."""
    load = plugin_points.load_points

    def replaced(kind: plugin_points.Kind, *args: Any, **more: Any) -> list[plugin_points.InstalledPlugin]:
        return [
            plugin_points.InstalledPlugin(kind, one.name, one.distribution, Falling())
            if one.name == "vendor_pillars"
            else one
            for one in load(kind, *args, **more)
        ]

    monkeypatch.setattr(plugin_points, "load_points", replaced)


@pytest.mark.usefixtures("falling_validator")
async def test_failing_validator_shows_in_notes_metrics_and_state_and_nothing_fails(mapper: Mapper) -> None:
    for _ in range(6):
        answer = await mapper.map({"detector": "openai_moderation", "output": "harassment"})
        (finding,) = answer["findings"]
        assert finding["taxonomy"] == ["HARM.SPEECH.Harassment"]
        assert finding["notes"] == "Not checked by vendor_pillars, which failed."
    metrics = mapper.metrics()
    assert 'mapper_plugin_calls_total{outcome="failed",plugin="vendor_pillars"} 5.0' in metrics
    assert 'mapper_plugin_calls_total{outcome="suspended",plugin="vendor_pillars"} 1.0' in metrics
    plugins = await every(mapper.client, mapper.tenant)
    assert plugins["vendor_pillars"]["status"] == "suspended"
