import re
from typing import TypeVar

import msgspec
from starlette.requests import Request

from bentos.web.problem import ErrorCode, ProblemError

T = TypeVar("T")

_AT = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_ENUM = re.compile(r"^Invalid enum value .*$", re.DOTALL)
_LONGEST_FAULT = 200


async def read_body(request: Request, kind: type[T], limit: int) -> T:
    """Reads a JSON body as a type.

    Args:
        request: the request.
        kind: a msgspec type.
        limit: most bytes; reading ends there whatever the length that was announced.

    Raises:
        ProblemError: the body is no JSON, too large or of another shape; names the field.
    """
    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != "application/json":
        raise ProblemError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit:
            raise ProblemError(ErrorCode.PAYLOAD_TOO_LARGE, f"the body may have {limit} bytes")
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise ProblemError(ErrorCode.INVALID_REQUEST, _fault(error)) from None


def _fault(error: Exception) -> str:
    # msgspec names the place, and quotes what was sent only for enumerations and unknown fields.
    text = "the body is not UTF-8" if isinstance(error, UnicodeDecodeError) else str(error)
    at = _AT.search(text)
    place = at["path"] if at else "body"
    message = _ENUM.sub("not one of the allowed values", text[: at.start()] if at else text)
    if "unknown field" in message:
        message = "Object contains a field that is not known"
    return f"{place}: {message}"[:_LONGEST_FAULT]
