"""Context managers for fixtures: pytest ends a fixture in another task than it began it in."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def in_own_task(manager: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Enter and leave `manager` in one task, as an application's lifespan needs it."""
    opened: list[T] = []
    ready, over = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        try:
            async with manager as value:
                opened.append(value)
                ready.set()
                await over.wait()
        finally:
            ready.set()

    life = asyncio.create_task(live())
    await ready.wait()
    if not opened:
        await life
    try:
        yield opened[0]
    finally:
        over.set()
        await life
