"""Endpoints whose every answer is of the contract, errors included."""

import asyncio
import logging
import time
import traceback
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Match, Route

from bentos.web.problem import ErrorCode, ProblemError, problem_response
from bentos.web.service_token import ServiceToken

Handler = Callable[[Request], Awaitable[Response]]

_log = logging.getLogger("bentoml.llama_mapper")
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
_CLIENT_WENT_AWAY = 499


class ObserveRequest(Protocol):
    """Is told of every request that was answered."""

    def __call__(self, route: str, status: int, seconds: float) -> None:
        """Takes the path below /v1, the status and how long it took."""
        ...


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path below /v1.

    Attributes:
        path: the path, with a slash in front.
        method: the one method that it has.
        handle: answers.
        seconds: after this the request is given up with 408.
    """

    path: str
    method: str
    handle: Handler
    seconds: float


def create_api(endpoints: Sequence[Endpoint], token: ServiceToken, observe: ObserveRequest) -> Starlette:
    """Returns the application that is mounted at /v1.

    Args:
        endpoints: what there is.
        token: who is let in.
        observe: is told of every answer.
    """
    known = [Route(one.path, _wrapped(one, token, observe), methods=[one.method]) for one in endpoints]

    async def nothing_here(request: Request) -> Response:
        token.check(request)
        if any(route.matches(request.scope)[0] is Match.PARTIAL for route in known):
            raise ProblemError(ErrorCode.METHOD_NOT_ALLOWED, "this path has another method")
        raise ProblemError(ErrorCode.NOT_FOUND, "there is nothing at this path")

    rest = Endpoint("/{path:path}", "", nothing_here, seconds=1)
    unknown = Route(rest.path, _wrapped(rest, token, observe), methods=list(_METHODS))
    return Starlette(routes=[*known, unknown])


def _wrapped(endpoint: Endpoint, token: ServiceToken, observe: ObserveRequest) -> Handler:
    name = endpoint.path if endpoint.method else "other"

    async def answer(request: Request) -> Response:
        began = time.perf_counter()
        response = await _answer(endpoint, token, request)
        observe(name, response.status_code, time.perf_counter() - began)
        return response

    return answer


async def _answer(endpoint: Endpoint, token: ServiceToken, request: Request) -> Response:
    try:
        token.check(request)
        async with asyncio.timeout(endpoint.seconds):
            return await endpoint.handle(request)
    except ProblemError as error:
        return problem_response(error)
    except TimeoutError:
        seconds = f"{endpoint.seconds:g} s"
        return problem_response(ProblemError(ErrorCode.REQUEST_TIMEOUT, f"not answered within {seconds}"))
    except ClientDisconnect:
        return Response(status_code=_CLIENT_WENT_AWAY)
    except Exception as error:  # noqa: BLE001 - whatever went wrong is logged and answered as 500
        # The message of an unforeseen error may quote what was sent; its type and place cannot.
        frames = traceback.extract_tb(error.__traceback__)
        where = " > ".join(f"{frame.name}:{frame.lineno}" for frame in frames[-6:])
        _log.error("unforeseen %s on %s at %s", type(error).__name__, endpoint.path, where)
        return problem_response(ProblemError(ErrorCode.INTERNAL_ERROR, "an unforeseen error"))
