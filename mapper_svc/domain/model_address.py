"""Which model servers the mapper may be told to call."""

import ipaddress
import re
from urllib.parse import urlsplit

from mapper_svc.domain.errors import ErrorCode, ServiceError

TOKEN_ENV = r"^[A-Z][A-Z0-9_]{0,99}_SERVICE_TOKEN$"  # noqa: S105 - the name of a variable
"""Names that a variable with a service token may have; any other may hold a secret of something else."""
_LOOPBACK = "loopback"


class AllowedHosts:
    """The hosts that the operator of this service allows, as a person who gives a URL may not choose freely.

    Args:
        setting: hosts separated by commas, each with or without a port; ``loopback`` is this machine.
    """

    def __init__(self, setting: str) -> None:
        entries = [entry.strip().lower() for entry in setting.split(",") if entry.strip()]
        self._loopback = _LOOPBACK in entries
        self._entries = frozenset(entries)

    def check(self, url: str) -> str:
        """Return the base URL, without a slash at its end.

        Raises:
            ServiceError: INVALID_REQUEST when it is no plain base URL, or its host is not allowed.
        """
        try:
            parts = urlsplit(url)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise _wrong("it is no URL") from None
        if parts.scheme not in {"http", "https"} or not host:
            raise _wrong("it must be http://host:port or https://host:port")
        if parts.username is not None or parts.password is not None or "@" in parts.netloc:
            raise _wrong("it must hold no credentials; name the token's variable in token_env")
        if parts.query or parts.fragment or "?" in url or "#" in url or re.search(r"[\s\\\x00-\x1f]", url):
            raise _wrong("it must hold a host, a port and a path alone")
        if not self._allows(host.lower(), port):
            raise _wrong("its host is not in MAPPER_MODEL_HOSTS")
        return url.rstrip("/")

    def _allows(self, host: str, port: int | None) -> bool:
        bracketed = f"[{host}]" if ":" in host else host
        if host in self._entries or f"{bracketed}:{port}" in self._entries:
            return True
        return self._loopback and (host == "localhost" or _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _wrong(why: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, f"the URL cannot be used: {why}", field="url")
