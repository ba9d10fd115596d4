"""What makes something in the analysis makes it once under one Idempotency-Key, whoever dies in between."""

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import httpx
import psycopg
import pytest

from analysis_svc.adapters.hold_repository import HoldRepository
from analysis_svc.domain.errors import StorageUnavailableError
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import SCOPES, Analysis

HOLD = {"reason": "case Zq7canary", "application": "chat"}
RULES = {
    "id": "house-rules",
    "title": "Rules of our house",
    "edition": "2026",
    "source": "Handbook",
    "controls": [
        {"id": "H-1", "title": "No keys", "statement": "Nobody pastes keys.", "priority": "high"}
        | {"judged_on": "request"}
    ],
    "links": [
        {"label": "SECRET.ApiKey", "control": "H-1", "relation": "direct", "why": "A key is what it forbids."}
    ],
}
SCHEDULE = {"framework": "soc2", "cadence": "monthly", "audience": "auditor", "format": "html"}
DOCUMENT = {"source": "rules", "title": "Rules", "format": "markdown", "content": "# 1 Keys\n\nKeep keys.\n"}
Superuser = psycopg.Connection[Any]


@pytest.fixture
def superuser(analysis_database: ServiceDsns) -> Iterator[Superuser]:
    with psycopg.connect(analysis_database.admin, autocommit=True) as admin:
        yield admin


async def send(
    analysis: Analysis, key: str, body: object = HOLD, path: str = "/legal-holds", tenant: UUID | None = None
) -> httpx.Response:
    scopes = " ".join({*SCOPES, "retention:manage", "knowledge:manage"})
    headers = {"Authorization": f"Bearer {tenant or analysis.tenant} {scopes}", "Idempotency-Key": key}
    return await analysis.client.post(f"/api/v1{path}", json=body, headers=headers)


def count(superuser: Superuser, table: str) -> int:
    row = superuser.execute(f"select count(*) from analysis.{table}".encode()).fetchone()  # noqa: S608
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize(
    ("path", "body", "table"),
    [
        ("/legal-holds", HOLD, "legal_holds"),
        ("/report-schedules", SCHEDULE, "report_schedules"),
        ("/frameworks", RULES, "framework_versions"),
        ("/knowledge", DOCUMENT, "knowledge_documents"),
    ],
)
async def test_second_request_gets_the_first_ones_answer(
    analysis: Analysis, superuser: Superuser, path: str, body: object, table: str
) -> None:
    before = count(superuser, table)
    first, second = [await send(analysis, "k1", body, path) for _ in range(2)]
    assert (first.status_code, second.status_code) == (201, 201), first.text
    assert first.json() == second.json()
    assert "idempotency-replayed" not in first.headers
    assert second.headers["idempotency-replayed"] == "true"
    assert count(superuser, table) == before + 1


async def test_word_on_a_finding_is_repeated_as_it_was_first_said(analysis: Analysis) -> None:
    found = {"findings": [{"id": "f1", "label": "SECRET.ApiKey", "score": 1.0, "confidence": 0.9}]}
    evidence = (await analysis.analyze(found))["evidence_id"]
    said = {"evidence_id": evidence, "finding_id": "f1", "verdict": "confirmed"}
    first = await send(analysis, "k1", said, "/feedback")
    await send(analysis, "k2", said | {"verdict": "false_positive"}, "/feedback")
    again = await send(analysis, "k1", said, "/feedback")
    assert again.json() == first.json()
    assert again.headers["idempotency-replayed"] == "true"


async def test_key_with_another_body_operation_or_query_is_a_conflict(analysis: Analysis) -> None:
    assert (await send(analysis, "k1")).status_code == 201
    others = [
        await send(analysis, "k1", HOLD | {"application": "mail"}),
        await send(analysis, "k1", SCHEDULE, "/report-schedules"),
        await send(analysis, "k1", HOLD, "/legal-holds?x=1"),
    ]
    assert [one.status_code for one in others] == [409] * 3


async def test_key_belongs_to_its_tenant(analysis: Analysis, superuser: Superuser) -> None:
    mine, theirs = await send(analysis, "k1"), await send(analysis, "k1", tenant=analysis.other)
    assert mine.json()["hold_id"] != theirs.json()["hold_id"]
    assert count(superuser, "legal_holds") == 2


async def test_ten_at_once_place_one_hold(analysis: Analysis, superuser: Superuser) -> None:
    answers = await asyncio.gather(*(send(analysis, "k1") for _ in range(10)))
    assert {one.status_code for one in answers} <= {201, 409, 503}
    assert len({one.json()["hold_id"] for one in answers if one.status_code == 201}) == 1
    assert count(superuser, "legal_holds") == 1


async def test_refused_request_may_be_corrected_under_its_key(analysis: Analysis) -> None:
    assert (await send(analysis, "k1", HOLD | {"covers_from": "2026-01-01T00:00:00"})).status_code == 400
    assert (await send(analysis, "k1")).status_code == 201


async def test_commit_that_was_not_confirmed_is_found_by_the_next_attempt(
    analysis: Analysis, superuser: Superuser, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = HoldRepository.place

    async def commits_and_is_cut_off(self: HoldRepository, *given: Any, **named: Any) -> Any:
        await place(self, *given, **named)
        raise StorageUnavailableError

    monkeypatch.setattr(HoldRepository, "place", commits_and_is_cut_off)
    assert (await send(analysis, "k1")).status_code == 503
    monkeypatch.setattr(HoldRepository, "place", place)
    assert (await send(analysis, "k1")).status_code == 201
    assert count(superuser, "legal_holds") == 1


@pytest.mark.parametrize(
    ("path", "body", "id_of"),
    [("/legal-holds", HOLD, "hold_id"), ("/report-schedules", SCHEDULE, "schedule_id")],
)
async def test_holder_that_died_is_succeeded_after_its_time(
    analysis: Analysis, superuser: Superuser, path: str, body: object, id_of: str
) -> None:
    first = await send(analysis, "k1", body, path)
    superuser.execute(
        "update analysis.idempotency_records set answer = null, status = null, held_until = now()"
    )
    second = await send(analysis, "k1", body, path)
    assert second.json()[id_of] == first.json()[id_of]


async def test_neither_key_nor_body_nor_answer_is_readable_in_the_table(
    analysis: Analysis, superuser: Superuser
) -> None:
    await send(analysis, "secret-order-number")
    (row,) = superuser.execute("select row_to_json(r)::text from analysis.idempotency_records r").fetchall()
    for text in ("secret-order-number", "Zq7canary", "reason"):
        assert text not in row[0]
        assert text.encode().hex() not in row[0]
