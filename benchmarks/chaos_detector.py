"""One fake HTTP detector that misbehaves on order: ``python -m benchmarks.chaos_detector PORT``.

It speaks the FMS detectors API and finds nothing. POST /behave/<how> orders ``good``, ``slow``, ``garbage``,
``half_closed``, ``error`` or ``wait-`` and milliseconds; to hang it or kill it is its parent's affair, by
signals.
"""

import asyncio
import contextlib
import sys

import uvloop

_GOOD = b"[[]]"
_SLOW_S = 3.0


class ChaosDetector:
    """Answers as it was ordered last."""

    def __init__(self) -> None:
        self._how = "good"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer every request of one connection."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while await self._answer(reader, writer):
                pass
        writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        lengths = [line.partition(":")[2] for line in head if line.lower().startswith("content-length:")]
        await reader.readexactly(int(lengths[0]) if lengths else 0)
        path = head[0].split(" ")[1]
        if path.startswith("/behave/"):
            self._how = path.removeprefix("/behave/")
            return await _send(writer, b"{}")
        if self._how == "slow":
            await asyncio.sleep(_SLOW_S)
        if self._how.startswith("wait-"):
            await asyncio.sleep(int(self._how.removeprefix("wait-")) / 1000)
        if self._how == "garbage":
            return await _send(writer, b"\x00<html>\xff")
        if self._how == "error":
            return await _send(writer, b"{}", status=500)
        if self._how == "half_closed":
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[[")
            await writer.drain()
            writer.write_eof()
            await asyncio.sleep(_SLOW_S)
            return False
        return await _send(writer, _GOOD)


async def _send(writer: asyncio.StreamWriter, body: bytes, *, status: int = 200) -> bool:
    writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body)
    await writer.drain()
    return True


async def main(port: int) -> None:
    """Serve until killed."""
    server = await asyncio.start_server(ChaosDetector().serve, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    # As light as can be: it shares the machine with what is measured.
    uvloop.run(main(int(sys.argv[1])))
