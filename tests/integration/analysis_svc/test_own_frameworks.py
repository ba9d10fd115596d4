"""A tenant's own framework on a real database: proposed by one, approved by another, used by its analyses."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from click.testing import CliRunner

from analysis_svc.__main__ import cli
from analysis_svc.settings import example_settings
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis

FRAMEWORKS = "/api/v1/frameworks"
KEY = {"findings": [{"id": "f1", "label": "SECRET.ApiKey", "score": 1.0, "confidence": 1.0}]}


def house_rules(**changes: object) -> dict[str, Any]:
    return {
        "id": "house-rules",
        "title": "Rules of our house",
        "edition": "2026",
        "source": "Handbook",
        "controls": [
            {"id": "H-1", "title": "No keys", "statement": "No keys in chats.", "judged_on": "request"}
        ],
        "links": [
            {"label": "SECRET.ApiKey", "control": "H-1", "relation": "direct", "why": "A key is forbidden."}
        ],
        **changes,
    }


class Person:
    """One token of the tenant; `AnyTenant` knows it by the word after `as:`."""

    def __init__(self, analysis: Analysis, name: str, tenant: UUID | None = None) -> None:
        self.client = analysis.client
        self.headers = {"Authorization": f"Bearer {tenant or analysis.tenant} as:{name}"}

    async def call(self, method: str, path: str, body: object = None) -> httpx.Response:
        return await self.client.request(method, FRAMEWORKS + path, json=body, headers=self.headers)

    async def propose(self, **changes: object) -> dict[str, Any]:
        answer = await self.call("POST", "", house_rules(**changes))
        assert answer.status_code == 201, answer.text
        return dict(answer.json())

    async def decide(self, version: int, decision: str) -> httpx.Response:
        path = f"/house-rules/versions/{version}/decision"
        return await self.call("POST", path, {"decision": decision})

    async def analysed_for(self) -> dict[str, str]:
        answer = await self.client.post("/api/v1/analyze", json=KEY, headers=self.headers)
        assert answer.status_code == 200, answer.text
        return dict(answer.json()["version_info"]["frameworks"])


@pytest.fixture
def anna(analysis: Analysis) -> Person:
    return Person(analysis, "anna")


@pytest.fixture
def berta(analysis: Analysis) -> Person:
    return Person(analysis, "berta")


async def test_framework_is_used_once_a_second_person_approved_it_and_by_its_tenant_alone(
    analysis: Analysis, anna: Person, berta: Person
) -> None:
    kept = await anna.propose()
    assert (kept["version"], kept["state"], kept["in_force"]) == (1, "proposed", False)
    assert "house-rules" not in await anna.analysed_for()
    own = await anna.decide(1, "approve")
    assert (own.status_code, own.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    approved = (await berta.decide(1, "approve")).json()
    assert (approved["state"], approved["in_force"], approved["decided_by"]) == ("approved", True, "berta")
    assert (await anna.analysed_for())["house-rules"] == "2026 (version 1)"

    status = (await anna.call("GET", "/house-rules/status")).json()
    assert [(one["control"], one["state"]) for one in status["controls"]] == [("H-1", "violated")]

    stranger = Person(analysis, "anna", analysis.other)
    assert (await stranger.call("GET", "/house-rules/status")).status_code == 404
    assert "house-rules" not in await stranger.analysed_for()
    assert (await stranger.call("GET", "/house-rules")).status_code == 404
    assert (await stranger.call("GET", "/house-rules/versions")).status_code == 404
    assert (await stranger.decide(1, "withdraw")).status_code == 404

    headers = {"Authorization": f"Bearer {analysis.tenant} as:auditor"}
    events = (await analysis.client.get("/api/v1/audit", headers=headers)).json()["events"]
    assert [(event["action"], event["actor"]) for event in reversed(events)] == [
        ("framework.proposed", "anna"),
        ("framework.approved", "berta"),
    ]


async def test_withdrawn_version_gives_way_to_the_one_before(anna: Person, berta: Person) -> None:
    await anna.propose()
    await berta.decide(1, "approve")
    await anna.propose(edition="2027")
    assert (await anna.analysed_for())["house-rules"] == "2026 (version 1)"
    await berta.decide(2, "approve")
    assert (await anna.analysed_for())["house-rules"] == "2027 (version 2)"
    assert (await anna.decide(2, "withdraw")).json()["state"] == "withdrawn"
    assert (await anna.analysed_for())["house-rules"] == "2026 (version 1)"
    listed = (await anna.call("GET", "/house-rules/versions")).json()["versions"]
    assert [(one["version"], one["state"], one["in_force"]) for one in listed] == [
        (2, "withdrawn", False),
        (1, "approved", True),
    ]
    assert (await berta.decide(2, "approve")).status_code == 409


async def test_the_same_upload_again_is_the_same_version_and_many_at_once_have_numbers_of_their_own(
    anna: Person,
) -> None:
    first, again = await anna.propose(), await anna.propose()
    assert first == again
    kept = await asyncio.gather(*(anna.propose(edition=f"e{number}") for number in range(5)))
    assert sorted(one["version"] for one in kept) == [2, 3, 4, 5, 6]
    content = (await anna.call("GET", "/house-rules/versions/1")).json()
    assert content["controls"][0]["judged_on"] == "request"


async def test_two_who_decide_at_once_do_so_once(anna: Person, berta: Person, analysis: Analysis) -> None:
    await anna.propose()
    clara = Person(analysis, "clara")
    answers = await asyncio.gather(berta.decide(1, "approve"), clara.decide(1, "reject"))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_tenant_cannot_fill_the_database_with_frameworks(
    anna: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("analysis_svc.adapters.framework_repository.MAX_FRAMEWORKS", 1)
    monkeypatch.setattr("analysis_svc.adapters.framework_repository.MAX_VERSIONS", 1)
    await anna.propose()
    for changes in ({"id": "another"}, {"edition": "2027"}):
        answer = await anna.call("POST", "", house_rules(**changes))
        assert (answer.status_code, answer.json()["error_code"]) == (409, "CONFLICT")


@pytest.fixture
def official_oscal() -> Path:
    folder = os.environ.get("LLAMA_MAPPER_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LLAMA_MAPPER_DATA names no folder: the official catalogue is not at hand")
    return Path(folder) / "regulatory" / "oscal-800-53r5-moderate.json"


async def test_official_catalogue_is_taken_as_it_is_by_upload_and_by_command(
    analysis_database: ServiceDsns, anna: Person, official_oscal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = official_oscal
    path = "/oscal?framework=moderate&links_from=nist-800-53"
    kept = (await anna.call("POST", path, json.loads(file.read_text(encoding="utf-8")))).json()
    assert kept["controls"] == 287

    tenant = uuid4()
    monkeypatch.setenv("ANALYSIS_DATABASE_URL", analysis_database.runtime)
    monkeypatch.setenv("ANALYSIS_REDIS_URL", example_settings().redis_url)
    monkeypatch.setenv("ANALYSIS_ORCHESTRATION_URL", example_settings().orchestration_url)
    command = ["frameworks", "propose", str(file), "--id", "moderate", "--links-from", "nist-800-53"]
    done = await asyncio.to_thread(CliRunner().invoke, cli, [*command, "--tenant", str(tenant)])
    assert done.exit_code == 0, done.output
    assert kept["digest"] in done.output
    checked = CliRunner().invoke(cli, ["frameworks", "check", str(file), "--id", "moderate"])
    assert "287 controls, 0 links" in checked.output
