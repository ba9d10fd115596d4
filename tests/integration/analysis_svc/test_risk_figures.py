"""Risk as Postgres adds it up is what its definition says."""

import math
import random
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import psycopg
import pytest

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.risk_facts import RiskFactsRepository
from analysis_svc.domain.insights.risk_history import TAIL, RiskFigures
from analysis_svc.domain.insights.span import Bucket, Span
from tests.fixtures.databases import ServiceDsns

START = datetime(2026, 11, 1, tzinfo=UTC)


def same(figures: RiskFigures, rows: list[tuple[float, float, float]]) -> None:
    worst = math.ceil(len(rows) * TAIL)
    assert figures.analyses == len(rows)
    for place, found in enumerate((figures.low, figures.score, figures.high)):
        tail = sorted((row[place] for row in rows), reverse=True)[:worst]
        assert found == pytest.approx(math.fsum(tail) / worst, abs=0.011)
    assert figures.worst == max(row[1] for row in rows)
    assert figures.mean == pytest.approx(math.fsum(row[1] for row in rows) / len(rows), abs=0.011)


async def test_score_of_a_group_is_the_mean_of_its_worst_twentieth(analysis_database: ServiceDsns) -> None:
    draw, tenant = random.Random(7), uuid4()
    rows = []
    for number in range(330):
        # Many alike, as scores are, and groups of every size; an empty name is one, and none is none.
        score = draw.choice([0.0, 0.0, 10.0, 50.0, round(draw.uniform(0, 100), 2)])
        ends = (round(score * draw.random(), 2), score, min(100.0, round(score + draw.random() * 9, 2)))
        later = timedelta(days=min(int(draw.expovariate(0.5)), 9), seconds=number)
        rows.append((ends, START + later, draw.choice(["chat", "", None])))
    with psycopg.connect(analysis_database.admin) as admin, admin.cursor() as cursor:
        cursor.executemany(
            "insert into analysis.analyses (tenant_id, id, analysed_at, application, risk_low, risk_score,"
            " risk_high, level, taxonomy, detectors_required, detectors_succeeded, detectors_failed,"
            " violated)"
            " values (%s, gen_random_uuid(), %s, %s, %s, %s, %s, 'low', '2026.11', '{}', '{}', '[]', '{}')",
            [(tenant, at, application, *ends) for ends, at, application in rows],
        )
    database = Database(analysis_database.runtime, pool_size=1, statement_timeout_ms=20_000)
    facts, span = RiskFactsRepository(database), Span(START, START + timedelta(days=20))
    try:
        same(await facts.total(tenant, span), [ends for ends, _, _ in rows])
        by_day = await facts.by_time(tenant, span, Bucket.DAY)
        assert by_day.keys() == {Bucket.DAY.begin(at) for _, at, _ in rows}
        for day, figures in by_day.items():
            same(figures, [ends for ends, at, _ in rows if Bucket.DAY.begin(at) == day])
        by_name = dict(await facts.by_application(tenant, span, limit=50))
        assert by_name.keys() == {"chat", "", None}
        for name, figures in by_name.items():
            same(figures, [ends for ends, _, application in rows if application == name])
        assert (await facts.total(uuid4(), span)).score is None
    finally:
        await database.close()
