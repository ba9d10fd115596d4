"""Large requests are analysed while others are answered."""

import asyncio
import time
from typing import Any
from uuid import uuid4

import pytest

from analysis_svc.domain import analyze_requests
from tests.integration.analysis_svc.conftest import Analysis, bearer

LABELS = ("PII.Contact.Email", "SECRET.ApiKey", "PII.Person.Name", "PROMPT_INJECTION.Direct", "OTHER.Unknown")


def request_of(findings: int) -> dict[str, Any]:
    return {
        "findings": [
            {
                "id": f"f{number}",
                "label": LABELS[number % len(LABELS)],
                "score": 0.9,
                "confidence": 0.9,
                "detector": f"d{number % 7}",
            }
            for number in range(findings)
        ],
        "context": {"request_id": str(uuid4()), "detectors_succeeded": ["d1"]},
    }


async def longest_wait_beside(analysis: Analysis, body: dict[str, Any]) -> float:
    """Analyse the body and return the longest that /health/live took meanwhile, in seconds."""
    longest = 0.0
    work = asyncio.create_task(analysis.analyze(body))
    while not work.done():
        started = time.perf_counter()
        await asyncio.sleep(0.001)
        await analysis.client.get("/health/live")
        longest = max(longest, time.perf_counter() - started)
    for answer in (await work).get("results", [work.result()]):
        assert answer["evidence_id"]
    return longest


@pytest.mark.parametrize(
    ("body", "limit_s"),
    [({"items": [request_of(50) for _ in range(100)]}, 1.0), (request_of(1000), 0.5)],
    ids=["100 of 50 findings", "1000 findings"],
)
async def test_large_request_does_not_hold_up_others(
    analysis: Analysis, monkeypatch: pytest.MonkeyPatch, body: dict[str, Any], limit_s: float
) -> None:
    monkeypatch.setattr(analyze_requests, "BATCH_STORE_LIMIT_S", 20.0)
    assert await longest_wait_beside(analysis, body) < limit_s


async def test_batch_with_too_many_findings_is_refused_before_any_work(analysis: Analysis) -> None:
    items = [request_of(1000) for _ in range(5)]
    answer = await analysis.client.post(
        "/api/v1/analyze/batch", json={"items": [*items, request_of(1)]}, headers=bearer(analysis.tenant)
    )
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "items"
    assert "at most 5000 findings" in answer.json()["detail"]
    assert (await analysis.get("")).json()["items"] == []
