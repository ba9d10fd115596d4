"""The client of a Bento `llm`: one version of the model, behind the port `LabelModel`."""

import asyncio
import time
from collections.abc import Sequence
from typing import Protocol

import httpx

from mapper_svc.adapters.breaker import Breaker, BreakerOpenError
from mapper_svc.adapters.model_wire import question, read_answer
from mapper_svc.domain.label_model import (
    AskedLabel,
    ModelAnswer,
    ModelFault,
    ModelUnavailableError,
)
from mapper_svc.domain.taxonomy import Taxonomy

_LONGEST_ANSWER = 4 * 1024 * 1024
"""Bytes; 256 items of three distributions are a little over one megabyte."""
_FAULT_OF_STATUS = {
    408: ModelFault.TIMEOUT,
    429: ModelFault.OVERLOADED,
    502: ModelFault.UNREACHABLE,
    503: ModelFault.OVERLOADED,
    504: ModelFault.TIMEOUT,
}


class ModelCallMetrics(Protocol):
    """Hears of calls."""

    def model_call(self, outcome: str, seconds: float) -> None:
        """A call took so long and ended in ``ok`` or in a fault."""
        ...

    def breaker_state(self, state: str) -> None:
        """The breaker is now closed, opened or half-opened."""
        ...


class BentoModel:
    """Asks one Bento, and leaves it alone for a while when it keeps failing.

    Args:
        client: pooled; shared with whatever else asks Bentos.
        url: base URL of the Bento.
        token: its service token.
        taxonomy: the edition that answers must be in.
        metrics: hears of every call.
        timeout_s: limit of one call, in seconds.
        breaker_failures: failures in a row after which it is left alone.
        breaker_open_s: for how long, in seconds.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        url: str,
        token: str,
        taxonomy: Taxonomy,
        metrics: ModelCallMetrics,
        *,
        timeout_s: float,
        breaker_failures: int = 5,
        breaker_open_s: float = 5.0,
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._edition = taxonomy.edition
        self._labels = tuple(taxonomy.labels)
        self._metrics = metrics
        self._timeout_s = timeout_s
        self._breaker = Breaker(
            "model",
            failures=breaker_failures,
            open_s=breaker_open_s,
            counted=ModelUnavailableError,
            on_state=metrics.breaker_state,
        )

    async def distributions(self, asked: Sequence[AskedLabel]) -> ModelAnswer:
        """Ask about labels, 256 at most; raises ModelUnavailableError and nothing else."""
        started = time.perf_counter()
        outcome = "ok"
        try:
            return await self._breaker.call(lambda: self._ask(asked))
        except BreakerOpenError:
            outcome = ModelFault.BREAKER_OPEN.value
            raise ModelUnavailableError(ModelFault.BREAKER_OPEN) from None
        except ModelUnavailableError as error:
            outcome = error.reason.value
            raise
        finally:
            if outcome != ModelFault.BREAKER_OPEN:
                self._metrics.model_call(outcome, time.perf_counter() - started)

    async def _ask(self, asked: Sequence[AskedLabel]) -> ModelAnswer:
        body = await self._send("/v1/map", question(asked))
        return read_answer(body, asked=len(asked), labels=self._labels, edition=self._edition)

    async def _send(self, path: str, content: bytes) -> bytes:
        try:
            # Around everything: httpx's own limits begin anew with each byte that trickles in.
            async with asyncio.timeout(self._timeout_s):
                return await self._exchange(path, content)
        except (TimeoutError, httpx.TimeoutException):
            raise ModelUnavailableError(ModelFault.TIMEOUT) from None
        except (httpx.HTTPError, httpx.InvalidURL):
            raise ModelUnavailableError(ModelFault.UNREACHABLE) from None

    async def _exchange(self, path: str, content: bytes) -> bytes:
        async with self._client.stream(
            "POST", self._url + path, headers=self._headers, content=content
        ) as response:
            if response.status_code != httpx.codes.OK:
                raise ModelUnavailableError(_fault_of(response.status_code))
            body = bytearray()
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > _LONGEST_ANSWER:
                    raise ModelUnavailableError(ModelFault.BAD_ANSWER)
            return bytes(body)


def _fault_of(status: int) -> ModelFault:
    if status in _FAULT_OF_STATUS:
        return _FAULT_OF_STATUS[status]
    if httpx.codes.is_client_error(status):
        return ModelFault.REFUSED
    return ModelFault.FAILED if httpx.codes.is_server_error(status) else ModelFault.BAD_ANSWER
