"""The HTTP server: one process, so that a supervisor who ends or loses it ends or loses all of it."""

import uvicorn

from analysis_svc.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get ten seconds to finish."""
    uvicorn.run(
        "analysis_svc.app:from_env",
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        access_log=False,  # api/request_context.py writes one line a request, without the path's values
        log_config=None,  # its loggers go through ours
        server_header=False,
        timeout_graceful_shutdown=10,
    )
