"""What can be set about the Bento `embedder`."""

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from bentos.web.settings import check_token, read_settings

PREFIX = "EMBEDDER_"
_Rows = Annotated[int, Meta(ge=1, le=4096)]


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """Each field is read from ``EMBEDDER_<FIELD>``."""

    service_token: Annotated[str, Meta(description="token that callers must show")] = ""
    allow_anonymous: Annotated[bool, Meta(description="answer without a token")] = False
    threads: Annotated[int, Meta(ge=0, le=256, description="threads that compute; 0 leaves it to torch")] = 0
    batch_rows: Annotated[_Rows, Meta(description="most texts that are embedded together")] = 32
    waiting_rows: Annotated[_Rows, Meta(description="most texts that wait; above it 503")] = 1024
    seconds: Annotated[float, Meta(gt=0, le=600, description="after this a request is answered 408")] = 30.0


def read_embedder_settings(environ: Mapping[str, str]) -> Settings:
    """Reads the settings.

    Raises:
        SettingsError: one of them is missing, wrong or unknown.
    """
    settings = read_settings(environ, PREFIX, Settings)
    check_token(settings.service_token, anonymous=settings.allow_anonymous, prefix=PREFIX)
    return settings
