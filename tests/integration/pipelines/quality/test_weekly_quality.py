"""The pipelines evaluate each tenant by itself, and hand on only feedback that may be learned from."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.types.json import Jsonb

from pipelines.evaluate_quality import evaluate_quality, export_feedback, last_week
from pipelines.retention_settings import RetentionSettings
from tests.fixtures.databases import ServiceDsns

NOW = datetime(2026, 11, 18, 12, tzinfo=UTC)
WEEK = last_week(NOW)


@pytest.fixture
def dsns(empty_database: Callable[[str], ServiceDsns]) -> ServiceDsns:
    return empty_database("analysis")


def settings(dsns: ServiceDsns) -> RetentionSettings:
    return RetentionSettings(analysis_database_url=dsns.pipeline)


def said(
    admin: psycopg.Connection, tenant: UUID, verdict: str, raw: str | None, *, accepted: bool | None
) -> None:
    feedback = uuid4()
    admin.execute(
        "insert into analysis.feedback (tenant_id, id, evidence_id, finding_id, verdict, label, right_label,"
        " raw_label, detector, score, confidence, analysed_at, given_at, given_by)"
        " values (%s, %s, %s, 'f1', %s, 'SECRET.ApiKey', %s, %s, 'guard', 1, 0.9, %s, %s, 'a')",
        [
            *(tenant, feedback, uuid4(), verdict),
            *("SECRET.Password" if verdict == "relabel" else None, raw, WEEK.start, WEEK.start),
        ],
    )
    if accepted is not None:
        admin.execute(
            "insert into analysis.feedback_reviews values (%s, %s, %s, now(), 'b')",
            [tenant, feedback, accepted],
        )


def test_week_runs_from_monday_to_monday() -> None:
    assert WEEK.start == datetime(2026, 11, 9, tzinfo=UTC)
    assert WEEK.end - WEEK.start == timedelta(days=7)
    assert last_week(datetime(2026, 11, 16, tzinfo=UTC)) == WEEK


def test_week_is_evaluated_once_and_by_its_own_tenants_words(dsns: ServiceDsns) -> None:
    tenant, other = uuid4(), uuid4()
    with psycopg.connect(dsns.admin) as admin:
        for _ in range(40):
            said(admin, tenant, "false_positive", None, accepted=None)
        said(admin, other, "confirmed", None, accepted=None)
    report, first = evaluate_quality(settings(dsns), tenant, WEEK)
    again, second = evaluate_quality(settings(dsns), tenant, WEEK)
    assert (first, second) == (True, False)
    assert report == again
    assert {alert.figure for alert in report.alerts} >= {"agreement", "agreement_by_detector"}
    quiet, _ = evaluate_quality(settings(dsns), other, WEEK)
    assert sum(quiet.figures.words.values()) == 1
    assert quiet.alerts == ()
    with psycopg.connect(dsns.admin) as admin:
        rows = admin.execute("select tenant_id, span_end from analysis.quality_evaluations").fetchall()
    assert sorted(row[0] for row in rows) == sorted([tenant, other])


def test_only_accepted_words_of_a_tenant_that_agreed_reach_training(
    dsns: ServiceDsns, tmp_path: Path
) -> None:
    tenant = uuid4()

    def chosen(version: int, *, agreed: bool) -> None:
        with psycopg.connect(dsns.admin) as admin:
            admin.execute(
                "insert into analysis.tenant_settings (tenant_id, version, chosen, changed_by)"
                " values (%s, %s, %s, 'a')",
                [tenant, version, Jsonb({"feedback_for_training": agreed})],
            )

    with psycopg.connect(dsns.admin) as admin:
        said(admin, tenant, "confirmed", "api_key", accepted=True)
        said(admin, tenant, "relabel", "passphrase", accepted=True)
        said(admin, tenant, "false_positive", "noise", accepted=True)
        said(admin, tenant, "confirmed", "pending", accepted=None)
        said(admin, tenant, "confirmed", "rejected", accepted=False)
        said(admin, tenant, "confirmed", None, accepted=True)
    assert export_feedback(settings(dsns), tenant, tmp_path).path is None, "nobody agreed to it"
    chosen(1, agreed=True)
    exported = export_feedback(settings(dsns), tenant, tmp_path)
    assert exported.path is not None
    rows = [json.loads(line) for line in exported.path.read_text().splitlines()]
    assert [(row["raw"], row["label"]) for row in rows] == [
        ("api_key", "SECRET.ApiKey"),
        ("passphrase", "SECRET.Password"),
    ]
    assert all(row["opted_in"] and row["reviewer"] == "b" for row in rows)
    chosen(2, agreed=False)
    assert export_feedback(settings(dsns), tenant, tmp_path).rows == 0
    assert list(tmp_path.iterdir()) == [], "what was agreed to once can be taken back"
