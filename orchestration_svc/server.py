"""The HTTP server process."""

from granian import Granian
from granian.constants import Interfaces, Loops
from granian.log import LogLevels

from orchestration_svc.settings import Settings


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are finished first."""
    Granian(
        "orchestration_svc.app:from_env",
        factory=True,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGI,
        loop=Loops.asyncio,
        log_access=False,
        log_level=LogLevels.warning,
        respawn_failed_workers=True,
        workers_kill_timeout=10,
    ).serve()
