"""Request bodies are decoded once, strictly, straight into the handler's Struct."""

import asyncio
from typing import Any

import msgspec
from litestar import Request
from litestar.exceptions import InternalServerException
from litestar.types import Empty

from analysis_svc.api.problems import decoding_fault
from analysis_svc.domain.errors import ErrorCode, ServiceError

# A peer that sends a byte now and then must not hold a request for ever.
_BODY_LIMIT_S = 10.0


class StrictRequest(Request[Any, Any, Any]):
    """Decodes JSON without coercion ("5" is no number) and names the field that is wrong.

    Litestar would decode to plain objects first and then convert leniently; handing it the finished
    Struct keeps its signature check trivial and its OpenAPI schema intact.
    """

    async def json(self) -> Any:  # noqa: ANN401 - the type is the handler's own
        """Decode the body into the type of the handler's ``data`` parameter.

        Raises:
            ServiceError: INVALID_REQUEST naming the field, or UNSUPPORTED_MEDIA_TYPE.
        """
        content_type, _ = self.content_type
        if content_type != "application/json":
            raise ServiceError(ErrorCode.UNSUPPORTED_MEDIA_TYPE, "the body must be sent as application/json")
        data = self.route_handler.parsed_data_field
        target = data.annotation if data is not None else object
        try:
            return msgspec.json.decode(await self.body(), type=target)
        except msgspec.MsgspecError as error:
            raise decoding_fault(error) from None
        except UnicodeDecodeError:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, "the body is not valid UTF-8", field="body"
            ) from None
        except RecursionError:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, "the body is nested too deeply", field="body"
            ) from None

    async def body(self) -> bytes:
        """Read the whole body.

        Raises:
            ServiceError: REQUEST_TIMEOUT when it does not arrive within ten seconds.
        """
        if self._body is not Empty:  # Litestar asks twice, and a time limit has its price
            return self._body
        try:
            async with asyncio.timeout(_BODY_LIMIT_S):
                return await super().body()
        except TimeoutError:
            raise ServiceError(
                ErrorCode.REQUEST_TIMEOUT, f"the body did not arrive within {_BODY_LIMIT_S:.0f} seconds"
            ) from None
        except InternalServerException:
            # Litestar's word for a client that hung up. Nobody reads the answer, but it is no fault of ours.
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, "the client hung up before its body was complete", field="body"
            ) from None
