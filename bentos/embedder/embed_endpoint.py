import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated

import msgspec
import numpy as np
from msgspec import Meta
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from bentos.embedder.runtime import EmbedderVersion, Loaded
from bentos.web.batcher import OverloadedError
from bentos.web.problem import ErrorCode, ProblemError
from bentos.web.request_body import read_body

_LONGEST_BODY = 1 << 20
_MOST_TEXTS = 256
_LONGEST_TEXT = 8192


class EmbedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Texts to embed; of a long one the first 128 tokens are read."""

    texts: Annotated[
        list[Annotated[str, Meta(min_length=1, max_length=_LONGEST_TEXT)]],
        Meta(min_length=1, max_length=_MOST_TEXTS),
    ]


class EmbedResponse(msgspec.Struct, frozen=True):
    """An embedding for each text, in order."""

    model: EmbedderVersion
    embeddings: list[list[float]]


class EmbedEndpoint:
    """POST /v1/embed."""

    def __init__(self, loaded: Callable[[], Loaded]) -> None:
        self._loaded = loaded

    async def __call__(self, request: Request) -> Response:
        """Answers; raises ProblemError for every foreseen fault."""
        loaded = self._loaded()
        asked = await read_body(request, EmbedRequest, _LONGEST_BODY)
        try:
            found = await loaded.embed(asked.texts)
        except OverloadedError:
            raise ProblemError(ErrorCode.SERVICE_UNAVAILABLE, "too much is being asked at once") from None
        body = await asyncio.to_thread(_encode, loaded.version, found)
        return Response(body, media_type="application/json")


def _encode(version: EmbedderVersion, found: Sequence[NDArray[np.float32]]) -> bytes:
    return msgspec.json.encode(EmbedResponse(version, [row.tolist() for row in found]))
