"""Idempotency-Key on an operation that makes something."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any
from uuid import UUID, uuid4

import msgspec
from litestar import Request, Response
from litestar.params import HeaderParameter

from orchestration_svc.api.jobs_wire import BatchAnswer
from orchestration_svc.api.orchestrate_wire import OrchestrateAnswer
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.idempotency import Idempotency, Recorded

IdempotencyKey = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        pattern=r"^[\x21-\x7e]{1,255}$",
        description="sent again within 24 hours with the same body, the request is not done again",
    ),
]
Make = Callable[[UUID], Awaitable[Response[Any]]]


async def answered_once(
    idempotency: Idempotency,
    request: Request[Any, Any, Any],
    principal: Principal,
    key: str | None,
    make: Make,
) -> Response[Any]:
    """Do what a request asks for, once for each key; without a key, do it.

    Args:
        idempotency: knows the keys.
        request: gives operation and body.
        principal: whose key it is.
        key: the header.
        make: does it, under the id that it is given.

    Raises:
        ServiceError: CONFLICT for a key that came with another request or whose first request is still
            under way; SERVICE_UNAVAILABLE when keys cannot be looked up; whatever ``make`` raises.
    """
    if key is None:
        return await make(uuid4())

    async def act(resource_id: UUID) -> Recorded:
        answer = await make(resource_id)
        body = msgspec.json.encode(answer.content).decode()
        kept = msgspec.json.encode(without_text(answer.content)).decode()
        return Recorded(answer.status_code or 200, body, answer.headers.get("Location"), kept=kept)

    done = await idempotency.once(
        principal.tenant_id,
        operation=f"{request.method} {request.url.path}",
        key=key,
        body=await request.body(),
        act=act,
    )
    headers = {"Location": done.location} if done.location else {}
    if done.replayed:
        headers["Idempotency-Replayed"] = "true"
    return Response(
        done.body.encode(), status_code=done.status, headers=headers, media_type="application/json"
    )


def without_text(answer: object) -> object:
    """Return an answer as it may be stored: a text that was redacted is not among it."""
    if isinstance(answer, OrchestrateAnswer):
        return msgspec.structs.replace(answer, redacted=None)
    if isinstance(answer, BatchAnswer):
        items = [
            msgspec.structs.replace(
                one, answer=None if one.answer is None else one.answer | {"redacted": None}
            )
            for one in answer.items
        ]
        return msgspec.structs.replace(answer, items=items)
    return answer
