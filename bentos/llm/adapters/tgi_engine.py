"""A Text Generation Inference server over HTTP.

Written against the shapes that server's own tests record; it was not run against a server here.
"""

import asyncio
from collections.abc import Sequence
from http import HTTPStatus
from typing import Any

import httpx
import msgspec
import numpy as np
from numpy.typing import NDArray

from bentos.llm.domain.engine import EngineUnavailableError, Generated, JsonSchema, RefusedPromptError
from pipelines.lib.scoring.label_tokens import TextTokenizer

_SECONDS = 120.0
_CONNECTIONS = 64


class _Token(msgspec.Struct, frozen=True):
    id: int
    logprob: float


class _Details(msgspec.Struct, frozen=True):
    generated_tokens: int
    top_tokens: list[list[_Token]] | None = None


class _Answer(msgspec.Struct, frozen=True):
    generated_text: str
    details: _Details


class TgiEngine:
    """Asks for the likeliest tokens after each prompt and picks out those of the labels.

    TGI has no list of allowed tokens, so the server must list many (`--max-top-n-tokens`). A label whose
    token is not among them gets the probability of the least likely one that is: more than its own, and never
    more than that.
    """

    parallel = 4

    def __init__(
        self,
        client: httpx.AsyncClient,
        *,
        tokenizer: TextTokenizer,
        label_ids: Sequence[int],
        top_tokens: int,
        adapter: str,
    ) -> None:
        """Asks nothing yet.

        Args:
            client: knows the server's URL and token.
            tokenizer: the base's tokenizer.
            label_ids: the label tokens.
            top_tokens: tokens that the server is asked to list.
            adapter: name that the server knows the adapter by; "" when it is merged into its weights.
        """
        self._client = client
        self._tokenizer = tokenizer
        self._label_ids = label_ids
        self._top_tokens = top_tokens
        self._adapter = {"adapter_id": adapter} if adapter else {}

    async def label_logits(self, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Returns the log-probabilities of the label tokens, rows by labels."""
        async with asyncio.TaskGroup() as group:
            rows = [group.create_task(self._label_row(prompt)) for prompt in prompts]
        return np.array([row.result() for row in rows], dtype=np.float32)

    async def generate(self, prompt: str, *, schema: JsonSchema | None, max_tokens: int) -> Generated:
        """Returns the likeliest text of the base model."""
        if not self._adapter:
            raise EngineUnavailableError(
                "the adapter is merged into the server's weights, so the base cannot write; "
                "serve the adapter by name and set LLM_TGI_ADAPTER",
                retryable=False,
            )
        grammar = {} if schema is None else {"grammar": {"type": "json", "value": schema}}
        answer = await self._ask(prompt, {"max_new_tokens": max_tokens, **grammar})
        read = self._tokenizer.encode(prompt, add_special_tokens=False)
        return Generated(answer.generated_text, len(read), answer.details.generated_tokens)

    async def check(self) -> None:
        """Raises EngineUnavailableError when the server's own health check fails."""
        try:
            response = await self._client.get("/health")
        except httpx.HTTPError as error:
            raise EngineUnavailableError(f"TGI does not answer: {type(error).__name__}") from error
        if response.status_code != HTTPStatus.OK:
            raise EngineUnavailableError(f"TGI is not well: {response.status_code}")

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def _label_row(self, prompt: Sequence[int]) -> list[float]:
        # The server puts special tokens in front by itself.
        text = self._tokenizer.decode(list(prompt), skip_special_tokens=True)
        answer = await self._ask(
            text, {"max_new_tokens": 1, "top_n_tokens": self._top_tokens, **self._adapter}
        )
        listed = answer.details.top_tokens
        if not listed or not listed[0]:
            raise EngineUnavailableError(
                "TGI lists no tokens: start it with --max-top-n-tokens", retryable=False
            )
        found = {token.id: token.logprob for token in listed[0]}
        least = min(found.values())
        return [found.get(token, least) for token in self._label_ids]

    async def _ask(self, text: str, parameters: dict[str, Any]) -> _Answer:
        body = {"inputs": text, "parameters": {"details": True, "do_sample": False, **parameters}}
        try:
            response = await self._client.post("/generate", json=body)
        except httpx.HTTPError as error:
            raise EngineUnavailableError(f"TGI does not answer: {type(error).__name__}") from error
        if response.status_code == HTTPStatus.UNPROCESSABLE_ENTITY:
            raise RefusedPromptError("TGI refused the prompt or the schema")
        if response.status_code != HTTPStatus.OK:
            raise EngineUnavailableError(f"TGI answered {response.status_code}")
        try:
            return msgspec.json.decode(response.content, type=_Answer)
        except msgspec.DecodeError as error:
            raise EngineUnavailableError("TGI answered with another shape") from error


def tgi_client(url: str, token: str) -> httpx.AsyncClient:
    """Returns a client for a server; the token may be empty."""
    return httpx.AsyncClient(
        base_url=url,
        headers={"Authorization": f"Bearer {token}"} if token else {},
        timeout=_SECONDS,
        limits=httpx.Limits(max_connections=_CONNECTIONS),
    )
