"""The worker that makes reports: a process of its own, composed as the server is, that takes no requests."""

import asyncio
import os
import signal
import sys

from msgspec.structs import replace

from analysis_svc.adapters.job_worker import JobWorker, end_of
from analysis_svc.adapters.structured_log import configure_logging
from analysis_svc.adapters.tracing import ExporterError
from analysis_svc.adapters.yaml_entry import DataFileError
from analysis_svc.app import create_app
from analysis_svc.settings import Settings, SettingsError, read_settings

# Nobody waits for a report as for an answer, and it looks at as much as a year.
_STATEMENT_TIMEOUT_MS = 60_000


def work() -> None:
    """Make reports until SIGTERM or SIGINT; one under way gets ten seconds, then another worker takes it."""
    try:
        settings = read_settings(os.environ)
        configure_logging(settings.log_level)
        asyncio.run(_work(settings))
    except (SettingsError, DataFileError, ExporterError) as error:
        sys.exit(f"analysis_svc worker: {error}")


async def _work(settings: Settings) -> None:
    app = create_app(
        replace(
            settings,
            index_catalogues=False,  # the server sees to that
            # The server on the same machine has the other port.
            metrics_port=settings.worker_metrics_port,
            database_statement_timeout_ms=max(settings.database_statement_timeout_ms, _STATEMENT_TIMEOUT_MS),
        )
    )
    worker: JobWorker = app.state.job_worker
    async with app.lifespan():
        running = asyncio.create_task(worker.run())
        told = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, told.set)
        waiting = asyncio.create_task(told.wait())
        await asyncio.wait({running, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        await end_of(running)
        if not running.cancelled():
            running.result()
