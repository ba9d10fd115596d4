"""Which addresses this service calls when somebody else chose the URL."""

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOOPBACK = "loopback"
_URL_MAX = 512
# Ways to write an IPv4 address into an IPv6 one that a router or the kernel may unwrap again.
_TUNNELS = tuple(
    ipaddress.IPv6Network(net)
    for net in ("64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32", "::/96")
)
# Cloud hosts answer here with credentials; no range that is private says so of this one.
_METADATA = tuple(ipaddress.IPv4Network(net) for net in ("168.63.129.16/32", "192.0.0.0/24"))


class OutboundRefusedError(Exception):
    """The call was not made; the message says why and quotes nothing that was looked up."""


@dataclass(frozen=True, slots=True)
class OutboundUrl:
    """A base URL that may be called as far as can be told before its name is looked up."""

    scheme: str
    host: str
    port: int


class OutboundRule:
    """Refuses loopback, private, link-local and metadata addresses, but for hosts that the operator allows.

    Args:
        allowed: hosts separated by commas, each with or without a port; ``loopback`` is this machine.
    """

    def __init__(self, allowed: str = "") -> None:
        entries = [entry.strip().lower() for entry in allowed.split(",") if entry.strip()]
        self._loopback = _LOOPBACK in entries
        self._entries = frozenset(entries)

    def check_url(self, url: str) -> OutboundUrl:
        """Take a base URL apart.

        Raises:
            OutboundRefusedError: it is no plain base URL, speaks without TLS to a host that the operator did
                not allow, or names an address that may not be called.
        """
        try:
            parts = urlsplit(url)
            host, port = (parts.hostname or "").rstrip(".").lower(), parts.port
        except ValueError:
            raise OutboundRefusedError("it is no URL") from None
        if len(url) > _URL_MAX or parts.scheme not in {"http", "https"} or not host:
            raise OutboundRefusedError("it must be https://host, with a port and a path if need be")
        if "@" in parts.netloc:
            raise OutboundRefusedError("it must hold no credentials")
        if "?" in url or "#" in url or not re.fullmatch(r"[!-~]+", url) or "\\" in url:
            raise OutboundRefusedError("it must hold a host, a port and a path alone")
        found = OutboundUrl(parts.scheme, host, port or (443 if parts.scheme == "https" else 80))
        if found.scheme == "http" and not self.allows(found.host, found.port):
            raise OutboundRefusedError(
                "content goes out over https only, unless the operator allows the host"
            )
        literal = _literal(host)
        if literal is not None:
            self.check_address(literal, host=found.host, port=found.port)
        elif host == "localhost" or host.endswith(".localhost"):
            self.check_address(ipaddress.ip_address("127.0.0.1"), host=found.host, port=found.port)
        return found

    def allows(self, host: str, port: int) -> bool:
        """Whether the operator allows the host, whatever its address."""
        bracketed = f"[{host}]" if ":" in host else host
        if {host, bracketed, f"{bracketed}:{port}"} & self._entries:
            return True
        literal = _literal(host)
        return self._loopback and (host == "localhost" or (literal is not None and literal.is_loopback))

    def check_address(self, address: Address, *, host: str, port: int) -> None:
        """Refuse an address that ``host`` stands for.

        An allowed host may be private. Link-local and metadata addresses have to be allowed as such: a name
        that comes to stand for one was not meant.

        Raises:
            OutboundRefusedError: it may not be called.
        """
        plain = _unwrapped(address)
        written = _literal(host) == address
        allowed = self.allows(host, port)
        if allowed and (written or not (plain.is_link_local or _is_metadata(plain))):
            return
        if not plain.is_global or plain.is_multicast or _is_metadata(plain) or _is_tunnel(plain):
            raise OutboundRefusedError("its address is none of the public internet")


def _unwrapped(address: Address) -> Address:
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address


def _is_metadata(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv4Address) and any(address in net for net in _METADATA)


def _is_tunnel(address: Address) -> bool:
    return isinstance(address, ipaddress.IPv6Address) and any(address in net for net in _TUNNELS)


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None
