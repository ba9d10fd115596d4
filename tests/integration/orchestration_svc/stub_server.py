"""mapper_svc or analysis_svc in a few lines: answers every POST alike and remembers what came."""

import asyncio
import contextlib
import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class StubServer:
    """What it answers, and the headers and bodies it was sent; the next `silent` requests get no answer."""

    answer: Any
    status: int = 200
    port: int = 0
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[Any] = field(default_factory=list)
    silent: int = 0
    hung_up: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen, on the same port as before when there was one."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    def stop(self) -> None:
        """Refuse every connection from now on."""
        if self._server is not None:
            self._server.close()
        self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")[1:-2]
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head)}
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self.headers.append(headers)
            self.bodies.append(json.loads(body or b"null"))
            if self.silent:
                self.silent -= 1
                await reader.read()  # until the one who asked goes away
                self.hung_up.set()
            answer = json.dumps(self.answer).encode()
            head_line = (
                f"HTTP/1.1 {self.status} X\r\nContent-Length: {len(answer)}\r\nConnection: close\r\n\r\n"
            )
            writer.write(head_line.encode() + answer)
            await writer.drain()
        writer.close()
