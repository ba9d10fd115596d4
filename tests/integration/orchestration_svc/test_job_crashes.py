"""Workers and Postgres are killed with SIGKILL while jobs run: none is lost, none ends twice.

``LLAMA_MAPPER_CRASH_JOBS=1000`` runs it at full size.
"""

import asyncio
import os
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from deploy.local import postgres, valkey
from deploy.local.ports import free_ports
from deploy.local.system_user import user_for_postgres
from orchestration_svc.adapters.data_keys import DataKeySealer, EnvironmentKeyWrapper
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.job_queue import JobQueue, queue_app
from orchestration_svc.adapters.job_repository import JobRepository
from orchestration_svc.adapters.job_webhooks import HttpWebhookSender
from orchestration_svc.adapters.outbound_client import OutboundClient
from orchestration_svc.adapters.outbound_rule import OutboundRule
from orchestration_svc.domain.access import OPERATOR_TENANT_ID, Principal
from orchestration_svc.domain.job import JobOptions, NewItem
from orchestration_svc.domain.job_submission import ManageJobs
from orchestration_svc.domain.limits import Limits
from orchestration_svc.domain.policy import Priority
from tests.fixtures import databases, servers
from tests.fixtures.databases import KEY_ENCRYPTION_KEY, ServiceDsns

JOBS = int(os.environ.get("LLAMA_MAPPER_CRASH_JOBS", "40"))
ROOT = Path(__file__).parents[3]
PRINCIPAL = Principal(OPERATOR_TENANT_ID, str(uuid4()), frozenset(), frozenset())
OPTIONS = JobOptions("text/plain", None, None, Priority.NORMAL, map_findings=True, analyze_findings=True)


class Unlimited:
    """Everybody may have any number of jobs."""

    async def of(self, tenant_id: UUID) -> Limits:  # noqa: ARG002 - the port's signature
        return Limits()


@dataclass
class OwnPostgres:
    """A durable server that a test may kill and start again."""

    cluster: postgres.Cluster
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        postgres.forget_dead_server(self.cluster)
        with self.log.open("ab") as output:
            command = postgres.server_command(self.cluster, parent=os.getpid())
            self.process = subprocess.Popen(command, stdout=output, stderr=output, stdin=subprocess.DEVNULL)
        postgres.wait_until_ready(self.cluster.admin_dsn, seconds=60, hint=f"see {self.log}")

    def kill(self) -> None:
        server = postgres.running_server(self.cluster)
        assert server is not None
        for process in [server, *server.children(recursive=True)]:
            process.kill()
        if self.process is not None:
            self.process.wait(20)
            self.process = None


@pytest.fixture
def own_postgres() -> Iterator[OwnPostgres]:
    user = user_for_postgres()
    with servers.scratch_folder(passable=user is not None) as folder:
        cluster = postgres.Cluster(folder / "data", free_ports(1)[0], "only for this test", user)
        postgres.initialise(cluster)
        server = OwnPostgres(cluster, folder / "postgres.log")
        server.start()
        try:
            yield server
        finally:
            if server.process is not None:
                server.kill()


@contextmanager
def worker(dsns: ServiceDsns, cache: valkey.Cache, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    environment = os.environ | {
        "ORCHESTRATION_DATABASE_URL": dsns.runtime,
        "ORCHESTRATION_REDIS_URL": cache.url("orchestration"),
        "ORCHESTRATION_KEY_ENCRYPTION_KEY": KEY_ENCRYPTION_KEY,
        "ORCHESTRATION_MAPPER_URL": "http://127.0.0.1:9",
        "ORCHESTRATION_ANALYSIS_URL": "http://127.0.0.1:9",
        "ORCHESTRATION_METRICS_PORT": "0",
        "ORCHESTRATION_WORKER_SILENT_S": "3",
        "ORCHESTRATION_WORKER_JOBS": "4",
        "PYTHONPATH": str(ROOT),
    }
    with log.open("ab") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.fixtures.job_worker"],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def ended(admin: str) -> int:
    with psycopg.connect(admin) as connection:
        row = connection.execute(
            "select count(*) from orchestration.jobs where state in ('succeeded', 'failed', 'cancelled')"
        ).fetchone()
    assert row is not None
    return int(row[0])


async def until_ended(admin: str, count: int) -> None:
    async with asyncio.timeout(60 + JOBS / 4):
        while await asyncio.to_thread(ended, admin) < count:  # noqa: ASYNC110 - processes share no event
            await asyncio.sleep(0.2)


async def submit_all(dsns: ServiceDsns, server: OwnPostgres) -> set[UUID]:
    """Submit every job; half way the database is killed, and what was not confirmed is sent again."""
    database = Database(dsns.runtime, pool_size=5, statement_timeout_ms=5_000)
    queue = JobQueue(queue_app(dsns.runtime, connections=1))
    rule = OutboundRule()
    sender = HttpWebhookSender(OutboundClient(rule, max_connections=1), rule, hosts=())
    sealer = DataKeySealer(database, EnvironmentKeyWrapper(KEY_ENCRYPTION_KEY))
    manage = ManageJobs(JobRepository(database, queue), sealer, sender, Unlimited())
    wanted = {uuid4() for _ in range(JOBS)}
    try:
        for number, job_id in enumerate(sorted(wanted)):
            if number == JOBS // 2:
                await asyncio.to_thread(server.kill)
                with pytest.raises(Exception, match="SERVICE_UNAVAILABLE"):
                    await manage.get(PRINCIPAL.tenant_id, job_id)
                await asyncio.to_thread(server.start)
            items = [NewItem(f"text {n}") for n in range(2)]
            await manage.submit(PRINCIPAL, job_id=job_id, options=OPTIONS, items=items)
    finally:
        await database.close()
    return wanted


@pytest.mark.slow
@pytest.mark.timeout(900)
async def test_every_job_ends_once_though_worker_and_database_are_killed(
    own_postgres: OwnPostgres, empty_valkey: valkey.Cache, tmp_path: Path
) -> None:
    dsns = databases.make_databases(own_postgres.cluster.admin_dsn)["orchestration"]
    databases.migrate("orchestration", dsns)
    log = tmp_path / "worker.log"
    wanted = await submit_all(dsns, own_postgres)

    with worker(dsns, empty_valkey, log):
        await until_ended(dsns.admin, JOBS // 8)
    # Killed in the midst of it; the next one, too, and the database under the third.
    with worker(dsns, empty_valkey, log):
        await until_ended(dsns.admin, JOBS // 4)
    with worker(dsns, empty_valkey, log) as third:
        await until_ended(dsns.admin, JOBS // 2)
        await asyncio.to_thread(own_postgres.kill)
        await asyncio.sleep(1)
        await asyncio.to_thread(own_postgres.start)
        await until_ended(dsns.admin, JOBS)
        assert third.poll() is None, "a worker outlives its database"

    with psycopg.connect(dsns.admin) as admin:
        jobs: list[Any] = admin.execute(
            "select id, state, succeeded, failed, items from orchestration.jobs"
        ).fetchall()
        items = admin.execute(
            "select count(*), count(answer), count(sealed) from orchestration.job_items"
        ).fetchone()
        ends = admin.execute(
            "select args->>'job_id' from orchestration.procrastinate_jobs where task_name = 'forget'"
        ).fetchall()
    assert {row[0] for row in jobs} == wanted
    assert {row[1:] for row in jobs} == {("succeeded", 2, 0, 2)}
    assert items == (2 * JOBS, 2 * JOBS, 0)
    # The end of a job enqueues this, in the same transaction: one for each is one end for each.
    assert Counter(job_id for (job_id,) in ends) == Counter(str(job_id) for job_id in wanted)
