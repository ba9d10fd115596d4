"""One POST to another service: signed, bounded in time and size, with its failures named."""

import asyncio
from typing import TypeVar
from uuid import UUID

import httpx
import msgspec
import stamina
import structlog

from orchestration_svc.adapters.service_tokens import ServiceTokens
from orchestration_svc.adapters.signing_keys import SigningKeysUnavailableError
from orchestration_svc.domain.downstream import DownstreamError

_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_log = structlog.get_logger("orchestration_svc")
T = TypeVar("T")


class DownstreamCall:
    """Calls one service for a tenant with a token made for just that."""

    def __init__(
        self, client: httpx.AsyncClient, tokens: ServiceTokens, *, url: str, audience: str, scope: str
    ) -> None:
        self._client = client
        self._tokens = tokens
        self._url = url.rstrip("/")
        self._audience = audience
        self._scope = scope

    async def post(
        self, path: str, body: msgspec.Struct, answer: type[T], *, tenant_id: UUID, timeout_s: float
    ) -> tuple[T, dict[str, object]]:
        """Send ``body`` and return the answer, decoded and as it came.

        A connection that was dropped under us is tried once more within the same time: both services
        answer the same question the same way, however often it is asked.

        Raises:
            DownstreamError: unavailable, timeout, refused or unusable_answer.
        """
        try:
            token = await self._tokens.get(tenant_id, audience=self._audience, scope=self._scope)
        except SigningKeysUnavailableError:
            raise self._failed("unavailable", "no signing key") from None
        headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json",
            # So that the other side leaves out what would come too late, instead of losing all of its answer.
            "X-Time-Left-Ms": str(max(1, int(timeout_s * 1000))),
        }
        correlation_id = structlog.contextvars.get_contextvars().get("correlation_id")
        if correlation_id:
            headers["X-Correlation-ID"] = correlation_id
        response = await self._send(path, msgspec.json.encode(body), headers, timeout_s)
        if response.is_server_error:
            raise self._failed("unavailable", str(response.status_code))
        if not response.is_success:
            raise self._failed("refused", str(response.status_code))
        if len(response.content) > _MAX_ANSWER_BYTES:
            raise self._failed("unusable_answer", "too large")
        try:
            decoded = msgspec.json.decode(response.content, type=answer)
            raw = msgspec.json.decode(response.content, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._failed("unusable_answer", type(error).__name__) from None
        return decoded, raw

    async def _send(
        self, path: str, content: bytes, headers: dict[str, str], timeout_s: float
    ) -> httpx.Response:
        try:
            # httpx limits each phase of a call; this limits the whole of it, the second try included.
            async with asyncio.timeout(timeout_s):
                async for attempt in stamina.retry_context(
                    on=(httpx.ConnectError, httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError),
                    attempts=2,
                    timeout=timeout_s,
                    wait_initial=0.02,
                    wait_max=0.05,
                    wait_jitter=0.02,
                ):
                    with attempt:
                        return await self._client.post(
                            f"{self._url}{path}", content=content, headers=headers, timeout=timeout_s
                        )
        except (httpx.TimeoutException, TimeoutError) as error:
            raise self._failed("timeout", type(error).__name__) from None
        except httpx.HTTPError as error:
            raise self._failed("unavailable", type(error).__name__) from None
        raise self._failed("unavailable", "no attempt")

    def _failed(self, reason: str, cause: str) -> DownstreamError:
        _log.warning("downstream_failed", service=self._audience, reason=reason, cause=cause)
        return DownstreamError(reason)
