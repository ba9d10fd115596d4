"""The job worker: a process of its own, composed as the server is, that takes no requests."""

import asyncio
import os
import signal
import sys

from msgspec.structs import replace

from orchestration_svc.adapters.job_worker import JobWorker, end_of
from orchestration_svc.adapters.policy_shipped import ShippedPolicyError
from orchestration_svc.adapters.structured_log import configure_logging
from orchestration_svc.adapters.tracing import ExporterError
from orchestration_svc.app import create_app
from orchestration_svc.settings import Settings, SettingsError, read_settings


def work() -> None:
    """Run jobs until SIGTERM or SIGINT; those under way get ten seconds, then others take them over."""
    try:
        settings = read_settings(os.environ)
        configure_logging(settings.log_level)
        asyncio.run(_work(settings))
    except (SettingsError, ShippedPolicyError, ExporterError) as error:
        sys.exit(f"orchestration_svc worker: {error}")


async def _work(settings: Settings) -> None:
    # The server on the same machine has the other port.
    app = create_app(replace(settings, metrics_port=settings.worker_metrics_port))
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
