"""The Valkey (or Redis) client."""

import asyncio
from contextvars import Context
from typing import Any

from redis.asyncio import BlockingConnectionPool, Redis
from redis.exceptions import RedisError

_MOST_AT_ONCE = 128


class GatheringRedis(Redis):
    """Sends what several callers ask at the same time in one round trip; each gets its own answer or error.

    What comes while a round trip is under way goes with the next one, so the more there is to ask, the less
    each question costs.
    """

    def __init__(self, connection_pool: BlockingConnectionPool) -> None:
        super().__init__(connection_pool=connection_pool)
        self._asked: list[tuple[asyncio.Future[Any], tuple[Any, ...], dict[str, Any]]] = []
        self._sending: asyncio.Task[None] | None = None

    async def execute_command(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the client has it
        """Run one command."""
        waiter: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._asked.append((waiter, arguments, options))
        if self._sending is None:
            # Nobody's own: it answers many, and outlives the one that began it.
            self._sending = asyncio.create_task(self._send(), context=Context())
        return await waiter

    async def aclose(self, close_connection_pool: bool | None = None) -> None:  # noqa: FBT001 - as the client has it
        """Give up what is under way and close every connection."""
        if self._sending is not None:
            self._sending.cancel()
            await asyncio.wait({self._sending})
        await super().aclose(close_connection_pool)

    async def _send(self) -> None:
        try:
            while self._asked:
                going, self._asked = self._asked[:_MOST_AT_ONCE], self._asked[_MOST_AT_ONCE:]
                going = [one for one in going if not one[0].done()]
                if going:
                    await self._send_these(going)
        finally:
            self._sending = None
            for waiter, _, _ in self._asked:  # none, unless this was cancelled
                waiter.cancel()
            self._asked = []

    async def _send_these(
        self, going: list[tuple[asyncio.Future[Any], tuple[Any, ...], dict[str, Any]]]
    ) -> None:
        answers: list[Any]
        try:
            if len(going) == 1:
                answers = [await super().execute_command(*going[0][1], **going[0][2])]  # type: ignore[no-untyped-call]
            else:
                async with self.pipeline(transaction=False) as pipe:
                    for _, arguments, options in going:
                        pipe.execute_command(*arguments, **options)
                    answers = await pipe.execute(raise_on_error=False)
        except (RedisError, OSError, TimeoutError) as error:
            answers = [error] * len(going)
        except BaseException:
            for waiter, _, _ in going:
                waiter.cancel()
            raise
        for (waiter, _, _), answer in zip(going, answers, strict=True):
            if waiter.done():
                continue
            if isinstance(answer, Exception):
                waiter.set_exception(answer)
            else:
                waiter.set_result(answer)


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
    return GatheringRedis(pool)
