import asyncio
from collections.abc import Callable

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from bentos.llm.adapters import metrics
from bentos.llm.api.engine_faults import as_problems
from bentos.llm.api.wire import LONGEST_BODY, GenerateRequest, GenerateResponse
from bentos.llm.runtime import Loaded
from bentos.web.problem import ErrorCode, ProblemError
from bentos.web.request_body import read_body


class GenerateEndpoint:
    """POST /v1/generate."""

    def __init__(self, loaded: Callable[[], Loaded]) -> None:
        self._loaded = loaded
        self._at_once = 0

    async def __call__(self, request: Request) -> Response:
        """Answers; raises ProblemError for every foreseen fault."""
        loaded = self._loaded()
        asked = await read_body(request, GenerateRequest, LONGEST_BODY)
        most = loaded.settings.generate_tokens
        if asked.max_tokens > most:
            raise ProblemError(ErrorCode.INVALID_REQUEST, f"max_tokens may be {most} at most")
        if self._at_once >= loaded.settings.generate_at_once:
            raise ProblemError(ErrorCode.SERVICE_UNAVAILABLE, "too much is being written at once")
        self._at_once += 1
        try:
            return await self._generate(loaded, asked)
        finally:
            self._at_once -= 1

    async def _generate(self, loaded: Loaded, asked: GenerateRequest) -> Response:
        turns = [msgspec.to_builtins(message) for message in asked.messages]
        prompt = await asyncio.to_thread(loaded.chat_prompt, turns)
        with as_problems():
            found = await loaded.engine.generate(prompt, schema=asked.schema, max_tokens=asked.max_tokens)
        metrics.observe_generated(found.prompt_tokens, found.completion_tokens)
        answer = GenerateResponse(found.text, loaded.version, found.prompt_tokens, found.completion_tokens)
        return Response(msgspec.json.encode(answer), media_type="application/json")
