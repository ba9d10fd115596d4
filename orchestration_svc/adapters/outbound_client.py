"""The one client for calls to servers that a tenant or an administrator named.

A name is looked up once for each connection, every address it stands for is checked, and the connection goes
to the address that was checked: a name server that says something else a moment later is not asked again.
TLS still proves the name. Redirects, proxies of the environment and cookies are not followed.
"""

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterable, Sequence
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from orchestration_svc.adapters.outbound_rule import Address, OutboundRefusedError, OutboundRule

Lookup = Callable[[str, int], Awaitable[Sequence[Address]]]


async def look_up(host: str, port: int) -> Sequence[Address]:
    """Return the addresses of a host, as the system's resolver has them.

    Raises:
        OSError: it has none.
    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    # A scoped address is written fe80::1%eth0; the scope is the system's affair.
    addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in found]
    return list(dict.fromkeys(addresses))


class GuardedNetwork(httpcore.AsyncNetworkBackend):
    """Opens connections to addresses that the rule lets pass, and none else.

    Args:
        rule: says which.
        lookup: finds a host's addresses.
    """

    def __init__(self, rule: OutboundRule, lookup: Lookup = look_up) -> None:
        self._rule = rule
        self._lookup = lookup
        self._network = httpcore.AnyIOBackend()

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Look the host up once, check all it stands for, and connect to the first that answers.

        Raises:
            httpcore.ConnectError: it has no address, or none answers.
            httpcore.ConnectTimeout: time ran out.
            OutboundRefusedError: one of its addresses may not be called; then none is.
        """
        try:
            async with asyncio.timeout(timeout):
                addresses = await self._lookup(host, port)
                for address in addresses:
                    self._rule.check_address(address, host=host.rstrip(".").lower(), port=port)
                for address in addresses:
                    last = address == addresses[-1]
                    try:
                        return await self._network.connect_tcp(
                            str(address), port, timeout, local_address, socket_options
                        )
                    except httpcore.ConnectError:
                        if last:
                            raise
        except TimeoutError:
            raise httpcore.ConnectTimeout from None
        except OSError:
            raise httpcore.ConnectError("the name is not known") from None
        raise httpcore.ConnectError("the name has no address")

    async def connect_unix_socket(
        self,
        path: str,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's signature
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Refuse: nothing on this machine is called this way."""
        del path, timeout, socket_options
        raise OutboundRefusedError("sockets of this machine are not called")

    async def sleep(self, seconds: float) -> None:
        """Wait, as httpcore does between its attempts."""
        await asyncio.sleep(seconds)


class GuardedTransport(httpx.AsyncHTTPTransport):
    """httpx's own transport on the guarded network.

    Args:
        network: opens the connections.
        max_connections: open at once.
    """

    def __init__(self, network: httpcore.AsyncNetworkBackend, *, max_connections: int) -> None:
        super().__init__(trust_env=False)
        # httpx makes its pool itself and has no argument for the network below it.
        self._pool = httpcore.AsyncConnectionPool(
            ssl_context=httpx.create_ssl_context(trust_env=False),
            max_connections=max_connections,
            max_keepalive_connections=max_connections,
            keepalive_expiry=5.0,
            network_backend=network,
        )


def make_outbound_client(
    rule: OutboundRule, *, timeout_s: float, max_connections: int, lookup: Lookup = look_up
) -> httpx.AsyncClient:
    """Make the client. Calls raise OutboundRefusedError for an address that the rule refuses."""
    return httpx.AsyncClient(
        transport=GuardedTransport(GuardedNetwork(rule, lookup), max_connections=max_connections),
        timeout=timeout_s,
        cookies=CookieJar(policy=DefaultCookiePolicy(allowed_domains=[])),
        follow_redirects=False,
        trust_env=False,
    )
