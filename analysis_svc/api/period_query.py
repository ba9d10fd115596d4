"""A period as parameters of a query."""

from datetime import datetime
from typing import Annotated

import msgspec
from litestar.params import QueryParameter

from analysis_svc.domain.errors import ErrorCode, ServiceError

# Texts, for a fault must name the parameter: `from` can be no argument, and Litestar names arguments.
From = Annotated[
    str | None,
    QueryParameter(
        name="from",
        description="begin, with its zone; 30 days before `to` by default",
        schema_extra={"format": "date-time"},
    ),
]
To = Annotated[
    str | None,
    QueryParameter(
        name="to", description="end, not included; now by default", schema_extra={"format": "date-time"}
    ),
]
Application = Annotated[
    str | None,
    QueryParameter(min_length=1, max_length=128, description="evidence of this application only"),
]


def moment(value: str | None, field: str) -> datetime | None:
    """Read a moment.

    Raises:
        ServiceError: INVALID_REQUEST naming the parameter.
    """
    if value is None:
        return None
    try:
        return msgspec.convert(value, datetime)
    except msgspec.ValidationError:
        detail = "expected a time such as 2026-11-03T12:00:00Z"
        raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field=field) from None
