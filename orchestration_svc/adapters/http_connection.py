"""One connection that speaks HTTP/1.1, one call at a time; the parser is llhttp, as in the server."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import cast

import httptools

from orchestration_svc.adapters.http_calls import (
    AnswerTooLargeError,
    BrokenOffError,
    CallError,
    CallTimeoutError,
    HttpAnswer,
    NotHttpError,
)

MAX_HEAD_BYTES = 64 * 1024
_INTERIM_BELOW = 200
_SWITCHING = 101


@dataclass(slots=True)
class _Reading:
    """How far an answer has been read.

    Attributes:
        max_bytes: largest body that is taken.
        headers: those that came.
        body: as much as came.
        received: bytes that came in all, what frames the body included.
        begun: answers that began, interim ones not counted.
        in_body: whether the headers are complete.
        is_framed: whether the headers tell where the body ends.
        is_last: whether the server is done with the connection.
    """

    max_bytes: int = 0
    headers: dict[str, str] = field(default_factory=dict)
    body: bytearray = field(default_factory=bytearray)
    received: int = 0
    begun: int = 0
    in_body: bool = False
    is_framed: bool = False
    is_last: bool = True


class HttpConnection(asyncio.Protocol):
    """Sends requests and reads their answers.

    After an answer that was whole, and behind which nothing came, it can be used again. Whatever arrives
    while nobody asked anything ends it: it would be read as the answer to the next question.

    Args:
        ended: told when the connection is gone.
    """

    def __init__(self, ended: Callable[["HttpConnection"], None]) -> None:
        self._ended = ended
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[HttpAnswer] | None = None
        self._read = _Reading()
        self._reusable = False
        self.expires_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether it is connected."""
        return self._transport is not None

    @property
    def is_reusable(self) -> bool:
        """Whether another call may be made on it."""
        return self._reusable

    async def exchange(self, request: bytes, *, max_bytes: int, timeout_s: float) -> HttpAnswer:
        """Send a whole request and return the answer to it; nobody else may be waiting for one.

        Raises:
            CallError: there is none; the connection is closed then, as it is when the caller is cancelled.
        """
        if self._transport is None or self._waiter is not None:
            raise BrokenOffError("the connection is gone")
        loop = asyncio.get_running_loop()
        waiter: asyncio.Future[HttpAnswer] = loop.create_future()
        self._waiter = waiter
        self._read = _Reading(max_bytes)
        self._reusable = False
        timer = loop.call_later(timeout_s, self._fail, CallTimeoutError("no answer in time"))
        try:
            self._transport.write(request)
            return await waiter
        except asyncio.CancelledError:
            self.abort()
            raise
        finally:
            timer.cancel()
            self._waiter = None

    def abort(self) -> None:
        """Close at once."""
        self._reusable = False
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._waiter is None or self._waiter.done():
            self.abort()
            return
        self._read.received += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._fail(NotHttpError("what came is no HTTP answer"))
            return
        if not self._read.in_body and self._read.received > MAX_HEAD_BYTES:
            self._fail(NotHttpError("the headers have no end"))
        # Chunks of a byte each, and what may stand beside them, weigh more than what they carry.
        elif self._read.received > MAX_HEAD_BYTES + 2 * self._read.max_bytes:
            self._fail(AnswerTooLargeError("the answer is too large"))

    def eof_received(self) -> None:
        """Take the end as that of an answer that has no other; returning None closes this side, too."""
        self._reusable = False
        if self._read.in_body and not self._read.is_framed:
            self._done()

    def connection_lost(self, exc: Exception | None) -> None:
        """Tell whoever waits."""
        if exc is None and self._read.in_body and not self._read.is_framed:
            self._done()
        self._fail(BrokenOffError("the connection ended before the answer did"))
        self._transport = None
        self._reusable = False
        self._ended(self)

    def on_message_begin(self) -> None:
        """Note that an answer begins; a second one was not asked for, and must not get into the first."""
        self._read.begun += 1
        if self._read.begun > 1:
            self._read.headers = {}

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep a header."""
        self._read.headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """Note how the body will end; without a body to wait for, be done."""
        self._read.in_body = True
        self._read.is_framed = (
            "content-length" in self._read.headers or "transfer-encoding" in self._read.headers
        )
        if self._read.max_bytes == 0 and self._parser.get_status_code() >= _INTERIM_BELOW:
            self._done()

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body, if it is not too much."""
        self._read.body += body
        if self._read.max_bytes and len(self._read.body) > self._read.max_bytes:
            self._fail(AnswerTooLargeError("the answer is too large"))

    def on_message_complete(self) -> None:
        """Be done, unless it was an interim answer, which another follows."""
        status = self._parser.get_status_code()
        if status < _INTERIM_BELOW and status != _SWITCHING:
            self._read = _Reading(self._read.max_bytes, received=self._read.received)
            return
        self._read.is_last = not self._parser.should_keep_alive()
        self._done()

    def settle(self) -> bool:
        """Tell whether the connection may be kept, once an answer was returned; closes it if not."""
        sent = self._transport is not None and self._transport.get_write_buffer_size() == 0
        self._reusable = not self._read.is_last and self._read.begun == 1 and sent and not self._is_closing()
        if not self._reusable:
            self.abort()
        return self._reusable

    def _is_closing(self) -> bool:
        return self._transport is None or self._transport.is_closing()

    def _done(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            status = self._parser.get_status_code()
            self._waiter.set_result(HttpAnswer(status, self._read.headers, bytes(self._read.body)))

    def _fail(self, error: CallError) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
        self.abort()
