"""How a call is written: the URL taken apart, and head and body as the bytes that are sent."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import quote, urlsplit

from orchestration_svc.adapters.http_calls import CannotBeSentError

_METHOD = re.compile(r"[A-Z]{1,16}")
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
# What RFC 9110 lets stand in a value; line ends and null bytes would begin another header or request.
_VALUES = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
_NOT_THE_CALLERS = frozenset({"host", "content-length", "transfer-encoding", "connection"})
# Everything that may stand in a path and a query; the rest, line ends among it, is escaped.
_AS_IT_IS = "!$%&'()*+,/:;=?@[]~"
_ADDED = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "llama-mapper"}
_PORTS = {"http": 80, "https": 443}


class Origin(NamedTuple):
    """Where a connection leads to."""

    scheme: str
    host: str
    port: int


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart.

    Attributes:
        origin: where the connection leads to.
        host_header: as the header Host names it.
        path: with the query, as it is sent.
    """

    origin: Origin
    host_header: str
    path: str


@lru_cache(maxsize=2048)
def target_of(url: str) -> Target:
    """Take a URL apart.

    Raises:
        CannotBeSentError: it is none that can be called.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        named = host if host.isascii() else host.encode("idna").decode("ascii")
    except (ValueError, UnicodeError):
        raise CannotBeSentError("it is no URL") from None
    if (
        parts.scheme not in _PORTS
        or not re.fullmatch(r"[A-Za-z0-9._:-]+", named)
        or parts.username is not None
    ):
        raise CannotBeSentError("it must be http or https with a host and no credentials")
    origin = Origin(parts.scheme, named, port or _PORTS[parts.scheme])
    written = f"[{named}]" if ":" in named else named
    if port is not None and port != _PORTS[parts.scheme]:
        written = f"{written}:{port}"
    path = quote(parts.path or "/", safe=_AS_IT_IS)
    query = f"?{quote(parts.query, safe=_AS_IT_IS)}" if parts.query else ""
    return Target(origin, written, path + query)


def request_of(method: str, target: Target, headers: Mapping[str, str], body: bytes | None) -> bytes:
    """Write a request.

    Raises:
        CannotBeSentError: a name or a value would not stay within its header.
    """
    if not _METHOD.fullmatch(method):
        raise CannotBeSentError("the method is not for the caller to choose")
    added = _added_to(tuple(headers))
    # All values at once: what may not stand in one of them may not stand in any.
    values = "".join(headers.values())
    if not (values.isascii() and values.isprintable()) and not _VALUES.fullmatch(values):
        raise CannotBeSentError("a header cannot be written as one")
    given = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    head = f"{method} {target.path} HTTP/1.1\r\nHost: {target.host_header}\r\n{given}{added}"
    if body is None:
        return f"{head}\r\n".encode("latin-1")
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode("latin-1") + body


@lru_cache(maxsize=1024)
def _added_to(given: tuple[str, ...]) -> str:
    """Check the names of the headers that the caller gives; return what is written besides."""
    names = {name.lower() for name in given}
    if not all(_NAME.fullmatch(name) for name in given):
        raise CannotBeSentError("a header cannot be written as one")
    if not names.isdisjoint(_NOT_THE_CALLERS):
        raise CannotBeSentError("a header is not for the caller to choose")
    return "".join(f"{name}: {value}\r\n" for name, value in _ADDED.items() if name.lower() not in names)
