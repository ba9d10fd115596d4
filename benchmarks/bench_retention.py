"""Retention on a million findings, with reads going on: how long it takes, and what it costs those who read.

    python -m benchmarks.bench_retention [--analyses 200000] [--findings 5] [--keep 0.5]

Starts a PostgreSQL of its own, with fsync as in production. A share of the analyses is younger than the term,
and a tenth of the old ones is on legal hold: exactly these have to be there at the end.
"""

import argparse
import json
import os
import secrets
import signal
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg

from deploy.local import postgres
from deploy.local.ports import free_ports
from deploy.local.system_user import user_for_postgres
from pipelines.keep_terms import keep_terms
from pipelines.retention_settings import RetentionSettings
from tests.fixtures.databases import ServiceDsns, make_databases, migrate
from tests.fixtures.servers import served

NOW = datetime.now(UTC)
TERM_DAYS = 730
LIMIT_S = 60.0

_ANALYSES = """
insert into analysis.analyses (tenant_id, id, analysed_at, request_id, application, risk_score, risk_low,
    risk_high, level, taxonomy, detectors_required, detectors_succeeded, detectors_failed, violated)
select %(tenant)s, gen_random_uuid(),
    %(now)s - make_interval(days => case when n <= %(keep)s * %(count)s then 10 else 800 end, secs => n),
    'r-' || n, case when n %% 10 = 0 then 'held' else 'chat' end, 10, 5, 20, 'low', '2026.11',
    '{presidio_analyzer,detect_secrets}', '{presidio_analyzer,detect_secrets}', '[]', '{}'
from generate_series(1, %(count)s) n
"""
_FINDINGS = """
insert into analysis.findings (tenant_id, analysis_id, finding_id, label, score, confidence, detector, tier,
    occurrences)
select tenant_id, id, 'f' || n, 'PII.Contact.Email', 0.9, 0.95, 'presidio_analyzer', 'rule', 1
from analysis.analyses, generate_series(1, %(each)s) n
"""
_READ = """
select a.id, count(*) from analysis.analyses a join analysis.findings f on f.analysis_id = a.id
where a.analysed_at > %s group by a.id, a.analysed_at order by a.analysed_at desc limit 100
"""


@contextmanager
def own_postgres() -> Iterator[str]:
    """A fresh cluster that is as durable as one in production."""
    user = user_for_postgres()
    with tempfile.TemporaryDirectory(prefix="llama-mapper-bench-") as folder:
        Path(folder).chmod(0o711)
        place = Path(folder) / "data"
        cluster = postgres.Cluster(place, free_ports(1)[0], secrets.token_urlsafe(), user)
        postgres.initialise(cluster)
        log = Path(folder) / "postgres.log"
        with served(postgres.server_command(cluster, parent=os.getpid()), log, signal.SIGINT) as alive:
            postgres.wait_until_ready(cluster.admin_dsn, alive=alive, hint=f"see {log}")
            yield cluster.admin_dsn


class Reader(threading.Thread):
    """Reads evidence as the service does, one query after the other, and notes how long each took."""

    def __init__(self, dsn: str, tenant: UUID) -> None:
        super().__init__(daemon=True)
        self._dsn, self._tenant = dsn.replace("+psycopg", ""), tenant
        self._end = threading.Event()
        self.seconds: list[float] = []

    def run(self) -> None:
        """Read until told to stop."""
        with psycopg.connect(self._dsn) as connection:
            while not self._end.is_set():
                began = time.perf_counter()
                with connection.transaction():
                    connection.execute("select set_config('app.tenant_id', %s, true)", [str(self._tenant)])
                    connection.execute(_READ, [NOW - timedelta(days=20)]).fetchall()
                self.seconds.append(time.perf_counter() - began)

    def stop(self) -> dict[str, float]:
        """Stop, and say how many queries were answered and how long they took, in milliseconds."""
        self._end.set()
        self.join(30)
        cuts = statistics.quantiles(self.seconds, n=100) if len(self.seconds) > 1 else [0.0] * 99
        return {
            "queries": len(self.seconds),
            "p50_ms": round(cuts[49] * 1000, 1),
            "p95_ms": round(cuts[94] * 1000, 1),
            "max_ms": round(max(self.seconds, default=0.0) * 1000, 1),
        }


def fill(dsns: dict[str, ServiceDsns], tenant: UUID, count: int, each: int, keep: float) -> None:
    """Make the rows, and a hold on one application."""
    values = {"tenant": tenant, "now": NOW, "count": count, "keep": keep, "each": each}
    with psycopg.connect(dsns["analysis"].admin, autocommit=True) as admin:
        admin.execute(_ANALYSES, values)
        admin.execute(_FINDINGS, values)
        admin.execute(
            "insert into analysis.legal_holds (tenant_id, id, reason, application, placed_at, placed_by)"
            " values (%s, %s, 'benchmark', 'held', now(), 'benchmark')",
            [tenant, uuid4()],
        )
        admin.execute("vacuum analyze analysis.analyses, analysis.findings")


def left(dsn: str) -> tuple[int, int, int]:
    """Count analyses that are left, old ones among them that are not on hold, and findings."""
    with psycopg.connect(dsn) as admin:
        row = admin.execute(
            "select (select count(*) from analysis.analyses), (select count(*) from analysis.analyses"
            " where analysed_at < %s and application <> 'held'), (select count(*) from analysis.findings)",
            [NOW - timedelta(days=TERM_DAYS)],
        ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


def main() -> None:
    """Measure, print a table and JSON, and end with 1 when it took too long or removed the wrong rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--analyses", type=int, default=200_000)
    parser.add_argument("--findings", type=int, default=5, help="of each analysis")
    parser.add_argument("--keep", type=float, default=0.5, help="share that is younger than the term")
    asked = parser.parse_args()
    tenant = uuid4()
    with own_postgres() as admin_dsn:
        dsns = dict(make_databases(admin_dsn))
        for service, its in dsns.items():
            migrate(service, its)
        fill(dsns, tenant, asked.analyses, asked.findings, asked.keep)
        young = int(asked.analyses * asked.keep)
        held = sum(1 for n in range(young + 1, asked.analyses + 1) if n % 10 == 0)
        reader = Reader(dsns["analysis"].runtime, tenant)
        reader.start()
        time.sleep(3)
        alone, reader = reader.stop(), Reader(dsns["analysis"].runtime, tenant)
        reader.start()
        settings = RetentionSettings(analysis_database_url=dsns["analysis"].pipeline)
        began = time.perf_counter()
        kept = keep_terms(
            settings, "analysis", tenant, now=NOW, run="benchmark", dry=False, say=lambda _: None
        )
        seconds = time.perf_counter() - began
        beside = reader.stop()
        analyses, overdue, findings = left(dsns["analysis"].admin)
    deleted = kept.deleted["evidence"]
    exact = (analyses, overdue, findings) == (young + held, 0, (young + held) * asked.findings)
    told = {
        "findings": asked.analyses * asked.findings,
        "deleted": dict(deleted.rows),
        "on_hold": held,
        "batches": deleted.batches,
        "seconds": round(seconds, 1),
        "exactly_what_was_due": exact,
        "reads_alone": alone,
        "reads_beside": beside,
    }
    for name, value in told.items():
        print(f"{name:<22}{value}")
    print(json.dumps(told))
    sys.exit(0 if exact and seconds < LIMIT_S else 1)


if __name__ == "__main__":
    main()
