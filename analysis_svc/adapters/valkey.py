"""The Valkey (or Redis) client."""

import asyncio
from contextvars import Context
from typing import Any, NamedTuple

from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.connection import HiredisRespSerializer
from redis.exceptions import ConnectionError as GoneError
from redis.exceptions import RedisError, ResponseError

_MOST_AT_ONCE = 128
_CONNECT_S = 1.0
"""Longest that a connection may take to come about, in seconds: a handshake is several round trips."""


class _Asked(NamedTuple):
    """One command: who waits for its answer, its name, how it is written, how its answer is read."""

    waiter: "asyncio.Future[Any]"
    name: Any
    written: bytes
    options: dict[str, Any]


class GatheringRedis(Redis):
    """Sends what several callers ask at the same time in one round trip; each gets its own answer or error.

    What comes while a round trip is under way goes with the next one, so the more there is to ask, the less
    each question costs. All of it goes over one connection that is kept: to take one from the pool and give
    it back costs more processor time than a question itself. The pool is for what needs one of its own, as
    transactions and subscriptions do.

    Args:
        connection_pool: for those.
        connection: for everything else; without time limits of its own.
        round_trip_s: longest that a round trip may take, in seconds; one that has to connect first gives up
            as soon, but the connection goes on coming about.
    """

    def __init__(
        self, connection_pool: BlockingConnectionPool, connection: Connection, round_trip_s: float
    ) -> None:
        super().__init__(connection_pool=connection_pool)
        self._kept = connection
        self._round_trip_s = round_trip_s
        self._packer = HiredisRespSerializer()
        self._asked: list[_Asked] = []
        self._sending: asyncio.Task[None] | None = None
        self._connecting: asyncio.Task[None] | None = None

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the client has it
        """Run one command."""
        # Here, so that what cannot be written is the trouble of whoever asks it.
        written = b"".join(self._packer.pack(*arguments))
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append(_Asked(waiter, arguments[0], written, options))
        if self._sending is None:
            # Nobody's own: it answers many, and outlives the one that began it.
            self._sending = asyncio.create_task(self._send(), context=Context())
        return await waiter

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as the client has it
        """Give up what is under way and close every connection."""
        for task in (self._sending, self._connecting):
            if task is not None:
                task.cancel()
                await asyncio.wait({task})
        await self._kept.disconnect(nowait=True)
        await super().aclose(close_connection_pool)

    async def _send(self) -> None:
        try:
            while self._asked:
                going, self._asked = self._asked[:_MOST_AT_ONCE], self._asked[_MOST_AT_ONCE:]
                going = [one for one in going if not one.waiter.done()]
                if going:
                    await self._send_these(going)
        finally:
            self._sending = None
            for one in self._asked:  # none, unless this was cancelled
                one.waiter.cancel()
            self._asked = []

    async def _send_these(self, going: list[_Asked]) -> None:
        try:
            async with asyncio.timeout(self._round_trip_s):
                await self._connected()
                await self._kept.send_packed_command(b"".join([one.written for one in going]))
                for one in going:
                    await self._answer(one)
        except (RedisError, OSError, TimeoutError) as error:
            await self._drop()
            for one in going:
                if not one.waiter.done():
                    one.waiter.set_exception(error)
        except BaseException:
            await self._drop()
            for one in going:
                one.waiter.cancel()
            raise

    async def _drop(self) -> None:
        # Answers that were not read would be taken for those to the next questions. What is only coming about
        # has been asked nothing yet.
        if self._connecting is None:
            await self._kept.disconnect(nowait=True)

    async def _connected(self) -> None:
        if self._connecting is None:
            if self._kept.is_connected:
                # The server may have gone since, or said something that nobody asked.
                if not await self._kept.can_read():
                    return
                await self._kept.disconnect(nowait=True)
            self._connecting = asyncio.create_task(self._connect(), context=Context())
            # It is looked at even if nobody waits any more.
            self._connecting.add_done_callback(lambda task: task.cancelled() or task.exception())
        connecting = self._connecting
        await asyncio.wait({connecting})
        connecting.result()

    async def _connect(self) -> None:
        try:
            async with asyncio.timeout(_CONNECT_S):
                await self._kept.connect()  # type: ignore[no-untyped-call]
        except BaseException:
            await self._kept.disconnect(nowait=True)
            raise
        finally:
            self._connecting = None

    async def _answer(self, one: _Asked) -> None:
        try:
            answer = await self.parse_response(self._kept, one.name, **one.options)
        except GoneError:
            raise
        except ResponseError as refusal:
            if not one.waiter.done():
                one.waiter.set_exception(refusal)
        else:
            if not one.waiter.done():
                one.waiter.set_result(answer)


def make_valkey(url: str, *, timeout_ms: int) -> Redis:
    """Make the client. A round trip takes ``timeout_ms`` at most and is not retried here.

    The pool blocks when it is used up: the default one raises under fan-out.
    """
    seconds = timeout_ms / 1000
    pool = BlockingConnectionPool.from_url(
        url,
        max_connections=32,
        timeout=seconds,
        socket_timeout=seconds,
        socket_connect_timeout=seconds,
        retry=None,
        decode_responses=True,
    )
    # A time limit of its own would make a task of each thing that is sent.
    unlimited = BlockingConnectionPool.from_url(url, socket_timeout=None, retry=None, decode_responses=True)
    return GatheringRedis(pool, unlimited.make_connection(), seconds)  # type: ignore[no-untyped-call]
