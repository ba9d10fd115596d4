"""One fake HTTP detector that misbehaves on order: ``python -m benchmarks.chaos_detector PORT``.

It speaks the FMS detectors API and finds nothing. POST /behave/<how> orders ``good``, ``slow``, ``garbage``,
``half_closed``, ``error`` or ``wait-`` and milliseconds; to hang it or kill it is its parent's affair, by
signals.
"""

import asyncio
import re
import sys
from typing import cast

import uvloop

_GOOD = b"[[]]"
_SLOW_S = 3.0
_LENGTH = re.compile(rb"content-length:\s*(\d+)", re.IGNORECASE)
_ORDER = b"/behave/"


class Orders:
    """What all connections were ordered last."""

    def __init__(self) -> None:
        self.how = "good"


class ChaosConnection(asyncio.Protocol):
    """Answers every request of one connection as it was ordered last."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._come = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the transport."""
        del exc
        self._transport = None

    def data_received(self, data: bytes) -> None:
        """Answer what is there whole."""
        self._come += data
        while (end := self._come.find(b"\r\n\r\n")) >= 0:
            head = self._come[:end]
            length = _LENGTH.search(head)
            whole = end + 4 + (int(length[1]) if length else 0)
            if len(self._come) < whole:
                return
            self._come = self._come[whole:]
            self._answer(head.split(b" ", 2)[1])

    def _answer(self, path: bytes) -> None:
        if path.startswith(_ORDER):
            self._orders.how = path.removeprefix(_ORDER).decode()
            self._send(b"{}")
            return
        how, later = self._orders.how, asyncio.get_running_loop().call_later
        if how == "slow":
            later(_SLOW_S, self._send, _GOOD)
        elif how.startswith("wait-"):
            later(int(how.removeprefix("wait-")) / 1000, self._send, _GOOD)
        elif how == "half_closed" and self._transport is not None:
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n[[")
            self._transport.write_eof()
            later(_SLOW_S, self._transport.abort)
        elif how == "error":
            self._send(b"{}", status=500)
        else:
            self._send(b"\x00<html>\xff" if how == "garbage" else _GOOD)

    def _send(self, body: bytes, status: int = 200) -> None:
        if self._transport is not None:
            self._transport.write(b"HTTP/1.1 %d X\r\nContent-Length: %d\r\n\r\n" % (status, len(body)) + body)


async def main(port: int) -> None:
    """Serve until killed."""
    orders = Orders()
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: ChaosConnection(orders), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    # As light as can be: it shares the machine with what is measured.
    uvloop.run(main(int(sys.argv[1])))
