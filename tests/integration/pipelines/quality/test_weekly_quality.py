"""The pipelines evaluate each tenant by itself, once."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import psycopg
import pytest

from pipelines.evaluate_quality import evaluate_quality, last_week
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
