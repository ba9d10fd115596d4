"""Request bodies are decoded once, strictly, straight into the handler's Struct."""

from typing import Any

import msgspec
from litestar import Request

from mapper_svc.api.problems import decoding_fault
from mapper_svc.domain.errors import ErrorCode, ServiceError


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
