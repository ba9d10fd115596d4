"""Asking and adding on a real Postgres with pgvector and the real embedding model."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.knowledge import ask
from tests.contracts.own_task import in_own_task
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, StartAnalysis

SCOPES = "knowledge:read knowledge:manage retention:manage"
RULES = {
    "source": "house-rules",
    "title": "House rules",
    "format": "markdown",
    "content": (
        "# 1 Secrets\n\nKeys that are found in a prompt are revoked within one hour.\n\n"
        "# 2 Lunch\n\nThe canteen opens at noon and serves soup.\n"
    ),
}


class Asking:
    """A tenant that asks and adds."""

    def __init__(self, client: httpx.AsyncClient, tenant: UUID) -> None:
        self._client = client
        self._headers = {"Authorization": f"Bearer {tenant} {SCOPES}"}

    async def __call__(self, method: str, path: str, **body: Any) -> httpx.Response:
        return await self._client.request(method, path, headers=self._headers, json=body or None)

    async def ask(self, question: str, **more: Any) -> dict[str, Any]:
        answer = await self("POST", "/api/v1/rag/query", question=question, **more)
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def add(self, **document: Any) -> dict[str, Any]:
        answer = await self("POST", "/api/v1/knowledge", **document)
        assert answer.status_code in {200, 201}, answer.text
        return dict(answer.json())


@pytest.fixture
async def running(analysis_database: ServiceDsns, start_analysis: StartAnalysis) -> AsyncIterator[Analysis]:
    async with in_own_task(start_analysis(analysis_database.runtime)) as service:
        yield service


@pytest.fixture
def mine(running: Analysis) -> Asking:
    return Asking(running.client, running.tenant)


@pytest.fixture
def others(running: Analysis) -> Asking:
    return Asking(running.client, running.other)


async def test_private_document_answers_its_tenant_and_nobody_else(mine: Asking, others: Asking) -> None:
    added = await mine.add(**RULES)
    answer = await mine.ask("When are keys found in a prompt revoked?")
    assert answer["kind"] == "extractive"
    (first, *_) = answer["citations"]
    assert first["quote"] in RULES["content"]
    assert "within one hour" in first["quote"]
    assert (first["ref_id"], first["private"]) == ("1", True)

    not_mine = await others.ask("When are keys found in a prompt revoked?")
    assert (not_mine["kind"], not_mine["citations"]) == ("not_in_sources", [])
    document = f"/api/v1/knowledge/{added['document']['id']}"
    assert (await others("GET", document)).status_code == 404
    assert (await others("DELETE", document)).status_code == 404
    assert (await mine("GET", document)).status_code == 200


async def test_question_that_no_source_answers_is_told_so(mine: Asking) -> None:
    await mine.add(**RULES)
    answer = await mine.ask("Which planet of the solar system has the most moons?")
    assert answer["kind"] == "not_in_sources"
    assert answer["confidence"] < 0.5


async def test_same_document_again_changes_nothing_and_another_text_replaces_it(mine: Asking) -> None:
    first = await mine.add(**RULES)
    assert await mine.add(**RULES) == {**first, "new": False}
    second = await mine.add(**{**RULES, "content": "# 1 Secrets\n\nKeys are revoked within one minute.\n"})
    assert second["version"] == first["version"] + 1
    answer = await mine.ask("When are keys revoked?")
    assert {one["document_id"] for one in answer["citations"]} == {second["document"]["id"]}


async def test_switching_back_searches_what_was_searched_before_at_once(mine: Asking) -> None:
    first = await mine.add(**RULES)
    await mine.add(**{**RULES, "content": "# 1 Secrets\n\nKeys are revoked within one minute.\n"})
    back = await mine("POST", "/api/v1/knowledge/switch", version=first["version"])
    assert back.status_code == 200
    answer = await mine.ask("When are keys revoked?")
    assert {one["document_id"] for one in answer["citations"]} == {first["document"]["id"]}
    assert answer["index"]["own"] == first["version"]
    assert (await mine("POST", "/api/v1/knowledge/switch", version=99)).status_code == 404


async def test_deleted_document_is_found_in_no_version_any_more(mine: Asking) -> None:
    first = await mine.add(**RULES)
    gone = await mine("DELETE", f"/api/v1/knowledge/{first['document']['id']}")
    assert gone.status_code == 204
    await mine("POST", "/api/v1/knowledge/switch", version=first["version"])
    assert (await mine.ask("When are keys revoked?"))["citations"] == []


async def test_document_under_a_legal_hold_stays_until_the_hold_is_released(mine: Asking) -> None:
    document = (await mine.add(**RULES))["document"]["id"]
    placed = await mine("POST", "/api/v1/legal-holds", reason="case 4711", application="chat")
    assert placed.status_code == 201, placed.text
    refused = await mine("DELETE", f"/api/v1/knowledge/{document}")
    assert (refused.status_code, refused.json()["error_code"]) == (409, "CONFLICT")
    assert (await mine("DELETE", f"/api/v1/knowledge/{uuid4()}")).status_code == 404
    released = await mine("POST", f"/api/v1/legal-holds/{placed.json()['hold_id']}/release")
    assert released.status_code in {200, 201}, released.text
    assert (await mine("DELETE", f"/api/v1/knowledge/{document}")).status_code == 204


async def test_what_is_shared_is_changed_by_a_platform_admin_only(running: Analysis) -> None:
    operator = Asking(running.client, OPERATOR_TENANT_ID)
    refused = await operator("POST", "/api/v1/knowledge", **RULES)
    assert (refused.status_code, refused.json()["error_code"]) == (403, "INSUFFICIENT_RBAC")
    assert (await operator("POST", "/api/v1/knowledge/switch", version=1)).status_code == 403
    assert (await operator("DELETE", f"/api/v1/knowledge/{uuid4()}")).status_code == 403


async def test_place_that_is_asked_for_by_its_name_is_answered_with_all_below_it_and_no_other(
    mine: Asking,
) -> None:
    law = "\n".join(
        f"# Article {name}\n\nThe keeper of number {word} opens the gate.\n"
        for name, word in (("3(1)", "one"), ("3(1)(a)", "two"), ("3(10)", "three"), ("31", "four"))
    )
    await mine.add(**{**RULES, "source": "gate-law", "content": law})
    answer = await mine.ask("Article 3(1)")
    sure = [one["ref_id"] for one in answer["citations"] if one["score"] == 1.0]
    assert set(sure) == {"Article 3(1)", "Article 3(1)(a)"}
    assert answer["citations"][0]["ref_id"] in sure


async def test_place_of_a_law_that_is_named_is_not_crowded_out_by_places_of_another(
    mine: Asking, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "HITS", 5)
    gate = "# Article 3\n\nNobody passes after dusk.\n"
    other = "\n".join(f"# Article 3({n})\n\nWhat Article 3 says, part {n}.\n" for n in range(1, 9))
    await mine.add(**{**RULES, "source": "gate-law", "title": "Gate Act", "content": gate})
    await mine.add(**{**RULES, "source": "long-law", "title": "Long Act", "content": other})
    answer = await mine.ask("What does Article 3 of the Gate Act say?")
    assert [one["source"] for one in answer["citations"] if one["score"] == 1.0] == ["gate-law"]
    assert answer["kind"] == "extractive"


async def test_document_that_is_sent_many_times_at_once_is_searched_once(mine: Asking) -> None:
    await asyncio.gather(*(mine.add(**RULES) for _ in range(4)))
    listed = (await mine("GET", "/api/v1/knowledge")).json()["documents"]
    assert [one["title"] for one in listed] == ["House rules"]


async def test_question_of_odd_characters_is_answered_like_any_other(mine: Asking) -> None:
    await mine.add(**RULES)
    answer = await mine.ask("keys\u0000 %_\\ ' ; drop table -- [1] \u202e AC-%(1) revoked?")
    assert answer["citations"][0]["ref_id"] == "1"


@pytest.mark.parametrize(
    ("document", "detail"),
    [
        ({"format": "pdf", "content": "bm8gcGRm"}, "no PDF"),
        ({"format": "pdf", "content": "not base64!"}, "base64"),
        ({"format": "oscal", "content": "{}"}, "OSCAL"),
        ({"format": "oscal", "content": "[" * 100_000}, "OSCAL"),
        ({"format": "jsonl", "content": '{"text": "a"}\nnot json'}, "line 2"),
        ({"format": "html", "content": "<script>only()</script>"}, "no text"),
        ({"format": "text", "content": " \n "}, "no text"),
    ],
)
async def test_document_that_cannot_be_read_is_refused_by_name(
    mine: Asking, document: dict[str, str], detail: str
) -> None:
    answer = await mine("POST", "/api/v1/knowledge", **{**RULES, **document})
    assert answer.status_code == 400, answer.text
    assert answer.json()["errors"][0]["field"] == "content"
    assert detail in answer.json()["detail"]
