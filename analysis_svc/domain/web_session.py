"""Who looks at the dashboard: a session that a browser opened with a key."""

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class WebSession:
    """An open session.

    Attributes:
        token: the key that it was opened with; verified anew on every request, so that a revoked key ends it.
        opened_at: when, UTC.
        ends_at: when it ends whatever happens in it, UTC.
    """

    token: str
    opened_at: datetime
    ends_at: datetime


class WebSessions(Protocol):
    """Keeps sessions where every replica finds them."""

    async def open(self, token: str) -> tuple[str, WebSession]:
        """Open a session and return its secret, which only the browser keeps.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when sessions cannot be kept at the moment.
        """
        ...

    async def get(self, secret: str) -> WebSession | None:
        """Return the session of a secret; None when there is none or it ended.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when sessions cannot be read at the moment.
        """
        ...

    async def close(self, secret: str) -> None:
        """End the session, so that its secret opens nothing any more.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when that cannot be done at the moment.
        """
        ...
