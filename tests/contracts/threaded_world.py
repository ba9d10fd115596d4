"""The services on a loop of their own, for tests that are not asynchronous themselves."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, TypeVar

from tests.contracts.world import World, open_world
from tests.fixtures.databases import ServiceDsns

T = TypeVar("T")
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class ThreadedWorld:
    """A world that lives in a thread; `run` brings work to it, `asgi` calls of one of its services."""

    def __init__(self, world: World, loop: asyncio.AbstractEventLoop) -> None:
        self.world = world
        self._loop = loop

    def run(self, work: Callable[[World], Awaitable[T]]) -> T:
        """Do something in the world's own loop."""

        async def there() -> T:
            return await work(self.world)

        return asyncio.run_coroutine_threadsafe(there(), self._loop).result(30)

    def asgi(self, service: str) -> Callable[[Message, Receive, Send], Awaitable[None]]:
        """Return an application that any loop may call: connections of the real one belong to theirs."""
        app: Any = self.world.running[service].app

        async def call(scope: Message, receive: Receive, send: Send) -> None:
            if scope["type"] == "lifespan":
                await receive()
                await send({"type": "lifespan.startup.complete"})
                await receive()
                await send({"type": "lifespan.shutdown.complete"})
                return
            sent = [await receive()]
            while sent[-1].get("more_body"):
                sent.append(await receive())
            for message in await asyncio.wrap_future(
                asyncio.run_coroutine_threadsafe(_answers(app, scope, sent), self._loop)
            ):
                await send(message)

        return call


async def _answers(app: Any, scope: Message, sent: list[Message]) -> list[Message]:
    answers: list[Message] = []
    left = iter(sent)

    async def receive() -> Message:
        return next(left, {"type": "http.disconnect"})

    async def send(message: Message) -> None:
        answers.append(message)

    await app(scope, receive, send)
    return answers


@contextmanager
def threaded_world(
    databases: Mapping[str, ServiceDsns], valkey_urls: Mapping[str, str]
) -> Iterator[ThreadedWorld]:
    """Run the three services in a thread for the length of the block."""
    loop = asyncio.new_event_loop()
    over = asyncio.Event()
    opened = threading.Event()
    made: list[World] = []

    async def live() -> None:
        async with open_world(databases, valkey_urls) as world:
            made.append(world)
            opened.set()
            await over.wait()

    def work() -> None:
        try:
            loop.run_until_complete(live())
        finally:
            opened.set()
            loop.close()

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    opened.wait(30)
    assert made, "the services did not start"
    try:
        yield ThreadedWorld(made[0], loop)
    finally:
        loop.call_soon_threadsafe(over.set)
        thread.join(10)
