import asyncio
from collections.abc import Callable, Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request
from starlette.responses import Response

from bentos.llm.api.engine_faults import as_problems
from bentos.llm.api.wire import LONGEST_BODY, ItemDistributions, MapRequest, MapResponse
from bentos.llm.domain.label_scoring import AskedLabel, Distributions
from bentos.llm.domain.model_version import ModelVersion
from bentos.llm.runtime import Loaded
from bentos.web.request_body import read_body

_DECIMALS = 8
"""So that a body is half as large; what is lost is less than what one engine differs from another."""


class MapEndpoint:
    """POST /v1/map."""

    def __init__(self, loaded: Callable[[], Loaded]) -> None:
        self._loaded = loaded

    async def __call__(self, request: Request) -> Response:
        """Answers; raises ProblemError for every foreseen fault."""
        loaded = self._loaded()
        asked = await read_body(request, MapRequest, LONGEST_BODY)
        rows = [AskedLabel(item.label, item.vendor) for item in asked.items]
        with as_problems():
            found = await loaded.scoring.distributions(rows)
        # Thousands of numbers for each item: written in a thread, for they keep the loop busy for a while.
        body = await asyncio.to_thread(_encode, loaded.version, loaded.labels, found)
        return Response(body, media_type="application/json")


def _encode(version: ModelVersion, labels: tuple[str, ...], found: Sequence[Distributions]) -> bytes:
    items = [
        ItemDistributions(_numbers(one.combined), _numbers(one.model), _numbers(one.head), one.tokens)
        for one in found
    ]
    return msgspec.json.encode(MapResponse(version, labels, items))


def _numbers(distribution: NDArray[np.float64]) -> list[float]:
    numbers: list[float] = distribution.round(_DECIMALS).tolist()
    return numbers
