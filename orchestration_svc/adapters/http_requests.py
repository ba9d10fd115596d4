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
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")
# Everything that may stand in a path and a query; the rest, line ends among it, is escaped.
_AS_IT_IS = "!$%&'()*+,/:;=?@[]~"
_PORTS = {"http": 80, "https": 443}
_AGENT = "llama-mapper"


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
    lines = [f"{method} {target.path} HTTP/1.1", f"Host: {target.host_header}"]
    names = set()
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise CannotBeSentError("a header cannot be written as one")
        names.add(name.lower())
        lines.append(f"{name}: {value}")
    if not _METHOD.fullmatch(method) or names & {"host", "content-length", "transfer-encoding", "connection"}:
        raise CannotBeSentError("the method or a header is not for the caller to choose")
    if "accept" not in names:
        lines.append("Accept: */*")
    if "accept-encoding" not in names:
        lines.append("Accept-Encoding: identity")
    if "user-agent" not in names:
        lines.append(f"User-Agent: {_AGENT}")
    if body is not None:
        lines.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + (body or b"")
