"""The queue: procrastinate on the service's own Postgres. It is told ids, and nothing else."""

from datetime import datetime
from enum import StrEnum
from uuid import UUID

import psycopg
from procrastinate import App, PsycopgConnector
from procrastinate.exceptions import ConnectorException
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.tables import SCHEMA
from analysis_svc.domain.errors import StorageUnavailableError

QUEUE = "jobs"


class JobTask(StrEnum):
    """What a worker can be asked to do."""

    MAKE_REPORT = "make_report"
    FIRE_SCHEDULE = "fire_schedule"


def queue_app(database_url: str, *, connections: int) -> App:
    """Make procrastinate's application; it connects when it is opened.

    Args:
        database_url: SQLAlchemy DSN of the runtime role.
        connections: the most it may hold, besides one that listens.
    """
    connector = PsycopgConnector(
        conninfo=database_url.replace("postgresql+psycopg://", "postgresql://", 1),
        min_size=1,
        max_size=connections,
        timeout=5.0,
        # Of the pool, not of one call: after so long without the database its workers stop trying, and the
        # process that has it open begins anew.
        reconnect_timeout=10.0,
        kwargs={
            "connect_timeout": 3,
            "options": f"-c search_path={SCHEMA} -c TimeZone=UTC"
            " -c statement_timeout=10000 -c lock_timeout=5000",
        },
    )
    return App(connector=connector)


class JobQueue:
    """Enqueues inside somebody else's transaction: the change and the task are both there, or neither."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def put(
        self,
        connection: AsyncConnection,
        task: JobTask,
        *,
        tenant_id: UUID,
        job_id: UUID,
        priority: int = 0,
        at: datetime | None = None,
    ) -> None:
        """Enqueue a task; it is there when the transaction commits.

        Args:
            connection: of the transaction.
            task: what to do.
            tenant_id: whose it is.
            job_id: the report or the schedule.
            priority: higher goes first.
            at: not before this time.

        Raises:
            StorageUnavailableError: the database does not take it.
        """
        driver = (await connection.get_raw_connection()).driver_connection
        configured = self._app.configure_task(
            task.value, queue=QUEUE, priority=priority, schedule_at=at, connection=driver
        )
        try:
            await configured.defer_async(tenant_id=str(tenant_id), job_id=str(job_id))
        except (ConnectorException, psycopg.Error) as error:
            # It speaks to the driver, past what turns the database's errors into this one.
            raise StorageUnavailableError from error
