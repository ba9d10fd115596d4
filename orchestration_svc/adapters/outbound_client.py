"""The client for calls to other servers, those among them that a tenant or an administrator named.

A name is looked up once for each connection, every address it stands for is checked, and the connection goes
to the address that was checked: a name server that says something else a moment later is not asked again.
TLS still proves the name. Redirects, proxies of the environment and cookies are not followed.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Protocol, Self
from uuid import UUID

from orchestration_svc.adapters.http_calls import (
    ConnectTimeoutError,
    HttpAnswer,
    NoRoomError,
    NotConnectedError,
)
from orchestration_svc.adapters.http_client import public_authorities
from orchestration_svc.adapters.http_connection import HttpConnection
from orchestration_svc.adapters.http_requests import Origin, Target, request_of, target_of
from orchestration_svc.adapters.name_lookup import NameLookup
from orchestration_svc.adapters.outbound_rule import Address

KEPT_S = 5.0
"""How long a connection that nobody uses stays open, in seconds."""


class Lookup(Protocol):
    """Finds addresses; `NameLookup` does."""

    async def __call__(self, host: str, *, until: float, tenant: UUID | None) -> Sequence[Address]:
        """Return a host's addresses; raises as `NameLookup` does."""
        ...


class AddressRule(Protocol):
    """Says which addresses may be called."""

    def check_address(self, address: Address, *, host: str, port: int) -> None:
        """Refuse an address that ``host`` stands for; raises OutboundRefusedError."""
        ...


class AnyAddress:
    """Lets every address pass: for servers that the operator's settings name, and nobody else."""

    def check_address(self, address: Address, *, host: str, port: int) -> None:
        """Refuse nothing."""


class OutboundClient:
    """Implements `HttpCalls` with connections that are kept open for a while, for each origin its own.

    Args:
        rule: which addresses may be called.
        max_connections: calls under way at once, and connections open at once; further calls wait. Of them
            tenants have three quarters together and one tenant a quarter, so that whose detectors answer
            slowly, or not at all, holds up nobody else's.
        lookup: finds a host's addresses; None for one of its own, by the system's resolver.
    """

    def __init__(self, rule: AddressRule, *, max_connections: int, lookup: Lookup | None = None) -> None:
        self._rule = rule
        self._names = NameLookup()
        self._lookup = lookup or self._names
        self._most = max_connections
        self._places = asyncio.Semaphore(max_connections)
        self._tenants_places = asyncio.Semaphore(max(1, max_connections * 3 // 4))
        self._one_tenants = max(1, max_connections // 4)
        self._shares: dict[UUID, asyncio.Semaphore] = {}
        self._tls = public_authorities()
        self._open: set[HttpConnection] = set()
        self._idle: dict[Origin, list[HttpConnection]] = {}
        # In the order in which they were put aside: the first has been idle for longest.
        self._parked: OrderedDict[HttpConnection, Origin] = OrderedDict()
        self._sweeping: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> Self:
        """Return this."""
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close every connection."""
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection; calls under way break off."""
        if self._sweeping is not None:
            self._sweeping.cancel()
            self._sweeping = None
        for connection in tuple(self._open):
            connection.abort()
        self._names.close()

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
        """Make one call; see `HttpCalls`."""
        target = target_of(url)
        request = request_of(method, target, headers, body)
        now = asyncio.get_running_loop().time
        deadline = now() + timeout_s
        held = await self._placed(timeout_s, tenant)
        try:
            connection = self._taken(target.origin) or await self._connected(target, deadline, tenant)
            answer = await connection.exchange(request, max_bytes=max_bytes, timeout_s=deadline - now())
            if connection.settle():
                self._park(connection, target.origin)
            return answer
        finally:
            for place in held:
                place.release()

    async def _placed(self, timeout_s: float, tenant: UUID | None) -> Sequence[asyncio.Semaphore]:
        """Return what the call holds while it is under way; NoRoomError after half of its time without."""
        wanted = [self._places]
        if tenant is not None:
            share = self._shares.setdefault(tenant, asyncio.Semaphore(self._one_tenants))
            wanted = [share, self._tenants_places, self._places]
        held: list[asyncio.Semaphore] = []
        try:
            if any(place.locked() for place in wanted):
                async with asyncio.timeout(timeout_s / 2):
                    await _take(wanted, held)
            else:
                await _take(wanted, held)  # at once
        except BaseException as error:
            for place in held:
                place.release()
            if isinstance(error, TimeoutError):
                raise NoRoomError("no connection came free in time") from None
            raise
        return held

    def _taken(self, origin: Origin) -> HttpConnection | None:
        idle = self._idle.get(origin)
        while idle:
            # The one used last: the others can then run out.
            connection = idle.pop()
            self._forget(connection, origin)
            if connection.is_reusable:
                return connection
        return None

    def _park(self, connection: HttpConnection, origin: Origin) -> None:
        self._idle.setdefault(origin, []).append(connection)
        self._parked[connection] = origin
        loop = asyncio.get_running_loop()
        connection.expires_at = loop.time() + KEPT_S
        if self._sweeping is None:
            self._sweeping = loop.call_at(connection.expires_at, self._sweep)

    def _sweep(self) -> None:
        """Close what has been idle for long enough; one timer does for all connections."""
        loop = asyncio.get_running_loop()
        self._sweeping = None
        while self._parked:
            longest_idle = next(iter(self._parked))
            if longest_idle.expires_at > loop.time():
                self._sweeping = loop.call_at(longest_idle.expires_at, self._sweep)
                return
            origin = self._parked[longest_idle]
            self._idle[origin].remove(longest_idle)
            self._forget(longest_idle, origin)
            longest_idle.abort()

    def _forget(self, connection: HttpConnection, origin: Origin) -> None:
        self._parked.pop(connection, None)
        if not self._idle.get(origin):
            self._idle.pop(origin, None)

    def _ended(self, connection: HttpConnection) -> None:
        self._open.discard(connection)
        origin = self._parked.get(connection)
        if origin is not None:
            self._idle[origin].remove(connection)
            self._forget(connection, origin)

    async def _connected(self, target: Target, deadline: float, tenant: UUID | None) -> HttpConnection:
        if len(self._open) >= self._most and self._parked:
            next(iter(self._parked)).abort()
        origin = target.origin
        try:
            addresses = await self._lookup(origin.host, until=deadline, tenant=tenant)
            for address in addresses:
                self._rule.check_address(address, host=origin.host.rstrip(".").lower(), port=origin.port)
            async with asyncio.timeout_at(deadline):
                return await self._first(addresses, origin)
        except TimeoutError:
            raise ConnectTimeoutError("no connection in time") from None
        except OSError:
            raise NotConnectedError("the name is not known, or nobody answers") from None

    async def _first(self, addresses: Sequence[Address], origin: Origin) -> HttpConnection:
        """Connect to the first address that answers; OSError when none does."""
        loop = asyncio.get_running_loop()
        secure = origin.scheme == "https"
        for address in addresses:
            try:
                _, connection = await loop.create_connection(
                    lambda: HttpConnection(self._ended),
                    str(address),
                    origin.port,
                    ssl=self._tls if secure else None,
                    server_hostname=origin.host if secure else None,
                )
            except OSError:
                if address == addresses[-1]:
                    raise
            else:
                if connection.is_open:  # else it ended meanwhile, and nobody would take it out again
                    self._open.add(connection)
                return connection
        raise OSError("the name has no address")


async def _take(wanted: Sequence[asyncio.Semaphore], held: list[asyncio.Semaphore]) -> None:
    for place in wanted:
        await place.acquire()
        held.append(place)
