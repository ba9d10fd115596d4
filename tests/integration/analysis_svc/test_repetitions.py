"""What is sent again under its request id is kept once; anything else is kept as its own."""

import asyncio
from typing import Any

import psycopg
import pytest

from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis

FINDING = {"id": "f1", "label": "PII.Contact.Email", "score": 1.0, "confidence": 0.9, "detector": "d"}
BODY: dict[str, Any] = {"findings": [FINDING], "context": {"request_id": "r-1", "detectors_succeeded": ["d"]}}


def counts(dsns: ServiceDsns) -> tuple[int, ...]:
    """Number of analyses and of findings that are kept."""
    with psycopg.connect(dsns.admin) as admin:
        row = admin.execute(
            "SELECT (SELECT count(*) FROM analysis.analyses), (SELECT count(*) FROM analysis.findings)"
        ).fetchone()
    assert row is not None
    return tuple(row)


async def test_retry_is_kept_once_and_has_the_first_evidence_id(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    first, again = await analysis.analyze(BODY), await analysis.analyze(BODY)
    assert first["evidence_id"] == again["evidence_id"]
    assert again["missing"] == []
    assert again["risk"] == first["risk"]
    assert counts(analysis_database) == (1, 1)


async def test_retries_at_the_same_time_are_kept_once(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    answers = await asyncio.gather(*(analysis.analyze(BODY) for _ in range(8)))
    assert len({answer["evidence_id"] for answer in answers} - {None}) == 1
    assert counts(analysis_database) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [
        BODY | {"findings": [FINDING | {"label": "SECRET.ApiKey"}]},
        BODY | {"findings": [FINDING | {"confidence": 0.8}]},
        BODY | {"findings": [FINDING, FINDING | {"id": "f2"}]},
        BODY | {"findings": []},
        BODY | {"context": BODY["context"] | {"application": "billing"}},
        BODY | {"context": BODY["context"] | {"coverage": 0.5}},
        BODY | {"context": BODY["context"] | {"request_id": "r-2"}},
    ],
    ids=["label", "confidence", "one more", "none", "application", "coverage", "request id"],
)
async def test_anything_else_under_a_request_id_is_evidence_of_its_own(
    analysis: Analysis, analysis_database: ServiceDsns, other: dict[str, Any]
) -> None:
    first, second = await analysis.analyze(BODY), await analysis.analyze(other)
    assert first["evidence_id"] != second["evidence_id"]
    kept = (await analysis.get(f"/{second['evidence_id']}")).json()
    assert [one["finding_id"] for one in kept["findings"]] == [one["id"] for one in other["findings"]]
    assert counts(analysis_database) == (2, 1 + len(other["findings"]))


async def test_without_a_request_id_nothing_is_a_repetition(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    body = {"findings": [FINDING]}
    assert (await analysis.analyze(body))["evidence_id"] != (await analysis.analyze(body))["evidence_id"]
    assert counts(analysis_database) == (2, 2)


async def test_request_id_of_another_tenant_is_another_one(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    ours = await analysis.analyze(BODY)
    theirs = await analysis.analyze(BODY, tenant=analysis.other)
    assert ours["evidence_id"] != theirs["evidence_id"]
    assert counts(analysis_database) == (2, 2)


async def test_batch_keeps_what_is_new_and_names_the_first_of_what_is_not(
    analysis: Analysis, analysis_database: ServiceDsns
) -> None:
    first = await analysis.analyze(BODY)
    new = BODY | {"context": BODY["context"] | {"request_id": "r-2"}}
    answer = await analysis.analyze({"items": [new, BODY, new, {"findings": [FINDING]}]})
    ids = [one["evidence_id"] for one in answer["results"]]
    assert ids[1] == first["evidence_id"]
    assert ids[0] == ids[2]
    assert len(set(ids)) == 3
    assert counts(analysis_database) == (3, 3)
    for evidence_id in ids:
        assert len((await analysis.get(f"/{evidence_id}")).json()["findings"]) == 1
