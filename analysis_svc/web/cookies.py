"""The dashboard's cookies: which there are, and when they may travel without TLS."""

import ipaddress
from dataclasses import dataclass
from datetime import timedelta

from litestar.connection import ASGIConnection
from litestar.datastructures import Cookie

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip")


@dataclass(frozen=True, slots=True)
class CookieJar:
    """Names and makes the cookies of one request.

    Args:
        secure: whether they are kept to TLS, and bound to this very host by their names.
    """

    secure: bool

    @property
    def session(self) -> str:
        """Name of the session's cookie."""
        return self._name("session")

    @property
    def visit(self) -> str:
        """Name of the cookie of someone who has not signed in yet; it binds the form to the browser."""
        return self._name("visit")

    @property
    def theme(self) -> str:
        """Name of the cookie that remembers dark or light."""
        return self._name("theme")

    def give(self, name: str, value: str, lifetime: timedelta) -> Cookie:
        """Make a cookie that no script reads and no other site has sent."""
        return Cookie(
            key=name,
            value=value,
            path="/",
            max_age=int(lifetime.total_seconds()),
            httponly=True,
            samesite="strict",
            secure=self.secure,
        )

    def take(self, name: str) -> Cookie:
        """Make the cookie that ends one."""
        return self.give(name, "", timedelta(0))

    def _name(self, purpose: str) -> str:
        # A browser takes a cookie of this prefix only if it is Secure and of this very host, no sub-domain.
        prefix = "__Host-" if self.secure else ""
        return f"{prefix}llama-mapper-{purpose}"


def jar_of(connection: ASGIConnection) -> CookieJar:  # type: ignore[type-arg]
    """Return the cookies of a request; Secure unless it never left this machine.

    What came through a proxy is not taken for local, even where the proxy says Host: 127.0.0.1.
    """
    host = connection.base_url.hostname or ""
    client = connection.client.host if connection.client else ""
    local = _loopback(host) and _loopback(client)
    forwarded = any(name in connection.headers for name in _FORWARDED)
    return CookieJar(secure=not local or forwarded or connection.scope["scheme"] == "https")


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
