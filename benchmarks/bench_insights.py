"""How long questions about a month of a busy tenant take: status, history, patterns, incidents, overview.

    python -m benchmarks.bench_insights [--analyses 100000] [--days 30] [--times 20]

Starts a PostgreSQL of its own, with fsync as in production, and asks the use cases behind the API by the
runtime role; HTTP and rendering are not in the figures.
"""

import argparse
import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from analysis_svc.adapters.audit_repository import AuditRepository
from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.adapters.dashboard_repository import DashboardRepository
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_repository import EvidenceRepository
from analysis_svc.adapters.insights.incident_repository import IncidentRepository
from analysis_svc.adapters.metrics import Metrics
from analysis_svc.compose_evidence import (
    COUNTING_CONNECTIONS,
    COUNTING_TIMEOUT_MS,
    EvidenceParts,
    compose_evidence,
)
from analysis_svc.compose_frameworks import compose_frameworks
from analysis_svc.compose_insights import compose_insights
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.dashboard_views import Stretch
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.insights.span import Bucket, Span
from benchmarks.bench_retention import own_postgres
from benchmarks.insights_data import fill
from benchmarks.load import percentile
from tests.fixtures.databases import make_databases, migrate

_Ask = Callable[[], Awaitable[object]]


def _questions(
    database: Database, catalogue: Catalogue, tenant: UUID, span: Span
) -> tuple[EvidenceParts, dict[str, _Ask]]:
    catalogues = compose_frameworks(database, catalogue).catalogues
    evidence = compose_evidence(
        database, catalogue, catalogues, AuditRepository(database), key_encryption_key="", product="benchmark"
    )
    insights = compose_insights(database, catalogue, EvidenceRepository(database), Metrics())
    views = DashboardRepository(database)
    status, history = evidence.assess_controls.status, insights.risk_history.over
    period = Period(span.start, span.end)
    stretch = Stretch(span.start, span.end, timedelta(days=1))

    async def overview() -> None:
        await views.overview(tenant, stretch)
        await views.applications(tenant, stretch)
        await history(tenant, span, Bucket.DAY)

    async def incidents() -> None:
        await insights.incidents.page(tenant, span)
        await insights.incidents.summary(tenant, span)

    return evidence, {
        "status, soc2": lambda: status(tenant, "soc2", period),
        "status, nist-800-53": lambda: status(tenant, "nist-800-53", period),
        "history, by day": lambda: history(tenant, span, Bucket.DAY),
        "history, by hour": lambda: history(tenant, span, Bucket.HOUR),
        "incidents": incidents,
        "overview page": overview,
        "findings page": lambda: views.labels(tenant, stretch),
        "advice": lambda: insights.give_advice.over(tenant, span),
        "quality": lambda: insights.quality.of(tenant, span),
        "patterns": lambda: insights.patterns_over_time.find(tenant, span, Bucket.DAY),
    }


async def _run(
    dsn: str, catalogue: Catalogue, tenant: UUID, span: Span, asked: argparse.Namespace
) -> list[dict[str, object]]:
    database = Database(dsn, pool_size=COUNTING_CONNECTIONS, statement_timeout_ms=COUNTING_TIMEOUT_MS)
    evidence, questions = _questions(database, catalogue, tenant, span)
    store = IncidentRepository(database, catalogue.taxonomy, Metrics().incident_opened)
    while not await store.catch_up(tenant, since=span.start):
        pass
    rows: list[dict[str, object]] = []
    try:
        for name, ask in questions.items():
            if asked.only and asked.only not in name:
                continue
            began = time.perf_counter()
            await ask()
            first, seconds = time.perf_counter() - began, []
            # What the first question has counted in the background is counted before the next ones.
            await asyncio.gather(*evidence.rolling._tasks)  # noqa: SLF001 - nobody else waits for it
            for _ in range(asked.times):
                began = time.perf_counter()
                await ask()
                seconds.append(time.perf_counter() - began)
            row = {
                "question": name,
                "first_ms": round(first * 1000, 1),
                "p50_ms": round(percentile(seconds, 0.5) * 1000, 1),
                "p95_ms": round(percentile(seconds, 0.95) * 1000, 1),
            }
            print("{question:<22}{first_ms:>10}{p50_ms:>10}{p95_ms:>10}".format(**row), flush=True)
            rows.append(row)
    finally:
        await database.close()
    return rows


def main() -> None:
    """Fill a database, ask, print a table and JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--analyses", type=int, default=100_000)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--times", type=int, default=20, help="of each question")
    parser.add_argument("--only", default="", help="questions with this in their name")
    asked = parser.parse_args()
    tenant, catalogue, now = uuid4(), load_catalogue("2026.11"), datetime.now(UTC)
    span = Span(now - timedelta(days=asked.days), now)
    with own_postgres() as admin_dsn:
        dsns = make_databases(admin_dsn)["analysis"]
        migrate("analysis", dsns)
        fill(dsns.admin, tenant, catalogue, count=asked.analyses, start=span.start, end=span.end)
        print(f"{asked.analyses:,} analyses over {asked.days} days; times in milliseconds")
        print(f"{'question':<22}{'first':>10}{'p50':>10}{'p95':>10}")
        rows = asyncio.run(_run(dsns.runtime, catalogue, tenant, span, asked))
    print(
        json.dumps({"analyses": asked.analyses, "days": asked.days, "times": asked.times, "questions": rows})
    )


if __name__ == "__main__":
    main()
