"""Calls over HTTP as the adapters make them: one question, one whole answer, failures by what they mean."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID


@dataclass(frozen=True, slots=True)
class HttpAnswer:
    """What a server said.

    Attributes:
        status: of HTTP.
        headers: by name in lower case; of several of one name the last.
        body: all of it, as it came over the wire.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes


class CallError(Exception):
    """A call without an answer. The words of these errors quote nothing that was sent or received."""


class CannotBeSentError(CallError):
    """The URL or a header cannot be written as HTTP; nothing was sent."""


class NotConnectedError(CallError):
    """No connection came about: the name is not known, or nobody answers there."""


class ConnectTimeoutError(NotConnectedError):
    """No connection came about in time."""


class NoRoomError(CallError):
    """This service had no room for the call; nothing was sent, and nothing is known of the server."""


class CallTimeoutError(CallError):
    """The answer did not come in time."""


class BrokenOffError(CallError):
    """The connection ended before the answer did."""


class NotHttpError(CallError):
    """What came is no answer in HTTP."""


class AnswerTooLargeError(CallError):
    """The answer is larger than the caller takes; the rest of it was not read."""


class HttpCalls(Protocol):
    """Makes calls; follows no redirect, keeps no cookie and asks nothing of the environment."""

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float,
        max_bytes: int,
        tenant: UUID | None = None,
    ) -> HttpAnswer:
        """Make one call.

        Args:
            method: of HTTP.
            url: http or https, absolute.
            headers: besides those that HTTP itself needs.
            body: what to send, None for nothing.
            timeout_s: longest that all of it may take, in seconds.
            max_bytes: largest body that is taken; 0 takes the status and the headers and reads no body.
            tenant: who chose the server, and whose share of name look-ups is used; None for the operator.

        Raises:
            CallError: there is no answer; its type says why.
            OutboundRefusedError: the address may not be called.
        """
        ...
