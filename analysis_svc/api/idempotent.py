"""Idempotency-Key on an operation that makes something."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

import msgspec
from litestar import Request, Response
from litestar.params import HeaderParameter

from analysis_svc.api.guards import provide_principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.idempotency import Idempotency, Recorded

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="sent again within 24 hours with the same body, the request is not done again",
    ),
]
Make = Callable[[UUID], Awaitable[Response[Any]]]


class AnsweredOnce:
    """Does what a request asks for once for each key that comes with it.

    Args:
        idempotency: knows the keys; None where there is no secret to keep them under.
    """

    def __init__(self, idempotency: Idempotency | None) -> None:
        self._idempotency = idempotency

    async def __call__(self, request: Request[Any, Any, Any], key: str | None, make: Make) -> Response[Any]:
        """Return what ``make`` answers, or answered when the same was sent before.

        Args:
            request: gives operation, tenant and body.
            key: the header; without one the request is done.
            make: does it, under the id that it is given.

        Raises:
            ServiceError: CONFLICT for a key that came with another request or whose first request is still
                under way; SERVICE_UNAVAILABLE when keys cannot be looked up; whatever ``make`` raises.
        """
        if key is None:
            return await make(uuid4())
        if self._idempotency is None:
            raise ServiceError(
                ErrorCode.SERVICE_UNAVAILABLE,
                "an Idempotency-Key takes a secret to keep it under: ANALYSIS_KEY_ENCRYPTION_KEY is not set",
                field="Idempotency-Key",
            )

        async def act(resource_id: UUID) -> Recorded:
            answer = await make(resource_id)
            body = msgspec.json.encode(answer.content).decode()
            return Recorded(answer.status_code or 200, body)

        done = await self._idempotency.once(
            provide_principal(request.scope).tenant_id,
            # The query too: it says what a catalogue is to be called.
            operation=f"{request.method} {request.url.path}?{request.url.query}",
            key=key,
            body=await request.body(),
            act=act,
        )
        headers = {"Idempotency-Replayed": "true"} if done.replayed else {}
        return Response(
            done.body.encode(), status_code=done.status, headers=headers, media_type="application/json"
        )
