"""One call of another service: signed, bounded in time and size, with its failures named."""

import asyncio
import random
from typing import TypeVar
from uuid import UUID

import msgspec
import structlog

from orchestration_svc.adapters.http_calls import (
    AnswerTooLargeError,
    BrokenOffError,
    CallError,
    CallTimeoutError,
    ConnectTimeoutError,
    HttpAnswer,
    HttpCalls,
    NotConnectedError,
    NotHttpError,
)
from orchestration_svc.adapters.service_tokens import ServiceTokens
from orchestration_svc.adapters.signing_keys import SigningKeysUnavailableError
from orchestration_svc.domain.downstream import DownstreamError

_MAX_ANSWER_BYTES = 16 * 1024 * 1024
_OK, _NO_SUCCESS, _SERVER_ERRORS = 200, 300, 500
_BROKE_OFF = (BrokenOffError, NotConnectedError, NotHttpError)
_AGAIN_AFTER_S = (0.02, 0.04)
"""How long is waited before the second try, in seconds: something between the two."""
_log = structlog.get_logger("orchestration_svc")
T = TypeVar("T")


class _FieldFault(msgspec.Struct, frozen=True):
    field: str


class _Refusal(msgspec.Struct, frozen=True):
    errors: list[_FieldFault] = []


class DownstreamCall:
    """Calls one service for a tenant with a token made for just that."""

    def __init__(
        self, client: HttpCalls, tokens: ServiceTokens, *, url: str, audience: str, scope: str
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
        return await self._exchange("POST", path, msgspec.json.encode(body), answer, tenant_id, timeout_s)

    async def get(
        self, path: str, answer: type[T], *, tenant_id: UUID, timeout_s: float
    ) -> tuple[T, dict[str, object]]:
        """Ask without a body; otherwise as `post`."""
        return await self._exchange("GET", path, None, answer, tenant_id, timeout_s)

    async def _exchange(
        self,
        method: str,
        path: str,
        content: bytes | None,
        answer: type[T],
        tenant_id: UUID,
        timeout_s: float,
    ) -> tuple[T, dict[str, object]]:
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
        response = await self._send(method, path, content, headers, timeout_s)
        if response.status >= _SERVER_ERRORS:
            raise self._failed("unavailable", str(response.status))
        if not _OK <= response.status < _NO_SUCCESS:
            raise self._failed("refused", str(response.status), _refused_field(response.body))
        try:
            decoded = msgspec.json.decode(response.body, type=answer)
            raw = msgspec.json.decode(response.body, type=dict[str, object])
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise self._failed("unusable_answer", type(error).__name__) from None
        return decoded, raw

    async def _send(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str], timeout_s: float
    ) -> HttpAnswer:
        clock = asyncio.get_running_loop().time
        deadline = clock() + timeout_s
        try:
            try:
                return await self._once(method, path, content, headers, timeout_s)
            except ConnectTimeoutError:
                raise
            except _BROKE_OFF:
                wait = random.uniform(*_AGAIN_AFTER_S)  # noqa: S311 - no secret
                await asyncio.sleep(min(wait, max(0.0, deadline - clock())))
                return await self._once(method, path, content, headers, max(0.001, deadline - clock()))
        except (CallTimeoutError, ConnectTimeoutError) as error:
            raise self._failed("timeout", type(error).__name__) from None
        except AnswerTooLargeError:
            raise self._failed("unusable_answer", "too large") from None
        except CallError as error:
            raise self._failed("unavailable", type(error).__name__) from None

    async def _once(
        self, method: str, path: str, content: bytes | None, headers: dict[str, str], timeout_s: float
    ) -> HttpAnswer:
        return await self._client.call(
            method,
            f"{self._url}{path}",
            headers=headers,
            body=content,
            timeout_s=timeout_s,
            max_bytes=_MAX_ANSWER_BYTES,
        )

    def _failed(self, reason: str, cause: str, field: str | None = None) -> DownstreamError:
        _log.warning("downstream_failed", service=self._audience, reason=reason, cause=cause)
        return DownstreamError(reason, field)


def _refused_field(body: bytes) -> str | None:
    """Return which field of ours the other service would not take; its words may quote what was sent."""
    try:
        refusal = msgspec.json.decode(body, type=_Refusal)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return refusal.errors[0].field if refusal.errors else None
