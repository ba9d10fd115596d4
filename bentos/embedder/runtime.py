"""What answers for embeddings."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

import msgspec
import numpy as np
from numpy.typing import NDArray

from bentos.web.loading import Loading

_CHECK_SECONDS = 10.0


class EmbedderVersion(msgspec.Struct, frozen=True):
    """The embedder on the wire.

    Attributes:
        name: name of the model.
        version: start of the hash of its weights.
        size: numbers in an embedding.
    """

    name: str
    version: str
    size: int


@dataclass(frozen=True, slots=True)
class Loaded:
    """What is there once the weights are.

    Attributes:
        version: which embedder it is.
        embed: gives each text an embedding of length one, in order; raises OverloadedError.
        close: ends it.
    """

    version: EmbedderVersion
    embed: Callable[[Sequence[str]], Awaitable[list[NDArray[np.float32]]]]
    close: Callable[[], Awaitable[None]]


class Runtime(Loading[Loaded]):
    """The Bento `embedder` from its start to its end."""

    def __init__(self) -> None:
        super().__init__(_check, _close)


async def _check(loaded: Loaded) -> str | None:
    try:
        async with asyncio.timeout(_CHECK_SECONDS):
            found = await loaded.embed(["ready"])
    except TimeoutError:
        return "the embedder does not answer in time"
    return None if np.isfinite(found[0]).all() else "the embedder's answers are no numbers"


async def _close(loaded: Loaded) -> None:
    await loaded.close()
