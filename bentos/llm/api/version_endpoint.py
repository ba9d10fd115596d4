from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bentos.llm.runtime import Loaded


class VersionEndpoint:
    """GET /v1/version."""

    def __init__(self, loaded: Callable[[], Loaded]) -> None:
        self._loaded = loaded

    async def __call__(self, request: Request) -> Response:
        """Answers; raises ProblemError for every foreseen fault."""
        del request
        return Response(msgspec.json.encode(self._loaded().version), media_type="application/json")
