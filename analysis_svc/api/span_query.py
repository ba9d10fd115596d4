"""The query parameters of every operation that looks at a stretch of time."""

from datetime import datetime
from typing import Annotated, TypeAlias

from litestar.params import QueryParameter

_CLEAN = r"^[^\x00-\x1f\x7f]*$(?!\n)"

Since: TypeAlias = Annotated[
    datetime | None,
    QueryParameter(name="from", description="from when on, with offset; without it 30 days before 'to'"),
]
Until: TypeAlias = Annotated[
    datetime | None, QueryParameter(name="to", description="until when, with offset; without it now")
]
Application: TypeAlias = Annotated[
    str | None,
    QueryParameter(
        min_length=1, max_length=128, pattern=_CLEAN, description="only this application, as callers name it"
    ),
]
