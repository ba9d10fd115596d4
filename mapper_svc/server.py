"""The HTTP server: one process, so that a supervisor who ends or loses it ends or loses all of it."""

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mapper_svc.settings import Settings


class _Gathered:
    """Hands on in one piece what is written in one turn of the loop: an answer's head and its body."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport = transport
        self._loop = loop
        self._parts: list[bytes] = []

    def write(self, data: bytes) -> None:
        if not self._parts:
            self._loop.call_soon(self._flush)
        self._parts.append(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a transport has
        return getattr(self._transport, name)

    def _flush(self) -> None:
        parts, self._parts = self._parts, []
        if parts and not self._transport.is_closing():
            self._transport.write(b"".join(parts))


class OneWrite(HttpToolsProtocol):
    """Sends an answer with one call to the system: two take a tenth of all processor time."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as the parent has it
        """Put what gathers in between."""
        super().connection_made(cast("asyncio.Transport", _Gathered(transport, self.loop)))


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way get ten seconds to finish."""
    uvicorn.run(
        "mapper_svc.app:from_env",
        factory=True,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http=OneWrite,
        access_log=False,  # api/request_context.py writes one line a request, without the path's values
        log_config=None,  # its loggers go through ours
        server_header=False,
        timeout_graceful_shutdown=10,
    )
