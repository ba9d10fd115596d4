"""Hosts' addresses by the system's resolver, which waits as long as it likes: in threads of its own."""

import asyncio
import ipaddress
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from uuid import UUID

from orchestration_svc.adapters.http_calls import NoRoomError
from orchestration_svc.adapters.outbound_rule import Address

AT_ONCE = 32
"""How many names are looked up at once."""
TENANTS_AT_ONCE = 24
"""How many of them tenants asked for, so that the operator's own are looked up whatever tenants do."""
TENANT_AT_ONCE = 8
"""How many of them one tenant asked for."""
_QUESTIONS_MAX = 256
_TENANTS_QUESTIONS_MAX = 192
_TENANT_QUESTIONS_MAX = 64
_TURN_S = 1.0
"""Longest that somebody waits for a question's turn, in seconds."""


class NameLookup:
    """Looks names up, each once at a time however many ask for it.

    A name that never answers holds one of `AT_ONCE` threads until the resolver gives it up: one of its
    tenant's `TENANT_AT_ONCE`, and nobody else's. Whoever asks waits for as long as it wants to and no longer;
    a question goes on without it.

    Args:
        resolve: asks the system; blocks.
    """

    def __init__(self, resolve: Callable[..., Sequence[Any]] = socket.getaddrinfo) -> None:
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="name-lookup")
        self._free = asyncio.Semaphore(AT_ONCE)
        self._free_for_tenants = asyncio.Semaphore(TENANTS_AT_ONCE)
        self._shares: dict[UUID, asyncio.Semaphore] = {}
        # Those that wait for their turn among them; and by name alone those that the resolver has been asked.
        self._questions: dict[tuple[UUID | None, str], asyncio.Task[Sequence[Any]]] = {}
        self._count: Counter[UUID | None] = Counter()
        self._under_way: dict[str, asyncio.Future[Sequence[Any]]] = {}

    async def __call__(self, host: str, *, until: float, tenant: UUID | None = None) -> Sequence[Address]:
        """Return the addresses of a host.

        Args:
            host: a name, or an address as it is written.
            until: when to give up, by the loop's clock.
            tenant: whose share of the threads it takes; None for the operator.

        Raises:
            NoRoomError: too many names are being looked up, and this one was not asked for.
            TimeoutError: there is no answer yet.
            OSError: it has no address.
        """
        try:
            return [ipaddress.ip_address(host.partition("%")[0])]
        except ValueError:
            pass  # a name
        now = asyncio.get_running_loop().time
        asked = self._under_way.get(host) or self._questions.get((tenant, host)) or self._ask(tenant, host)
        # Waiting so leaves the question alone when the one who waits gives up. Half of the time at most, so
        # that the want of room is told before whoever waits takes it for slowness of the server.
        await asyncio.wait({asked}, timeout=min((until - now()) / 2, _TURN_S))
        if not asked.done():
            if host not in self._under_way:
                raise NoRoomError("the name's turn to be looked up did not come")
            await asyncio.wait({asked}, timeout=until - now())
        if not asked.done():
            raise TimeoutError
        if asked.cancelled():
            raise OSError("closed")
        # A scoped address is written fe80::1%eth0; the scope is the system's affair.
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in _found(asked)]
        return list(dict.fromkeys(addresses))

    def close(self) -> None:
        """Begin no more questions; those under way end as the resolver ends them."""
        self._threads.shutdown(wait=False, cancel_futures=True)
        for question in tuple(self._questions.values()):
            question.cancel()

    def _ask(self, tenant: UUID | None, host: str) -> asyncio.Task[Sequence[Any]]:
        total = self._count.total()
        too_many = total >= _QUESTIONS_MAX
        if tenant is not None:
            of_tenants = total - self._count[None]
            too_many = too_many or of_tenants >= _TENANTS_QUESTIONS_MAX
            too_many = too_many or self._count[tenant] >= _TENANT_QUESTIONS_MAX
        if too_many:
            raise NoRoomError("too many names are being looked up")
        question = asyncio.create_task(self._answer(tenant, host))
        self._questions[tenant, host] = question
        self._count[tenant] += 1
        question.add_done_callback(partial(self._answered, tenant, host))
        return question

    async def _answer(self, tenant: UUID | None, host: str) -> Sequence[Any]:
        async with self._turn(tenant):
            under_way = self._under_way.get(host) or self._begin(host)
            await asyncio.wait({under_way})
            return under_way.result()

    @asynccontextmanager
    async def _turn(self, tenant: UUID | None) -> AsyncIterator[None]:
        if tenant is None:
            async with self._free:
                yield
            return
        async with (
            self._shares.setdefault(tenant, asyncio.Semaphore(TENANT_AT_ONCE)),
            self._free_for_tenants,
            self._free,
        ):
            yield

    def _begin(self, host: str) -> asyncio.Future[Sequence[Any]]:
        # Addresses are the same whatever the port.
        question = partial(self._resolve, host, None, type=socket.SOCK_STREAM)
        try:
            under_way = asyncio.get_running_loop().run_in_executor(self._threads, question)
        except RuntimeError:
            raise OSError("closed") from None
        self._under_way[host] = under_way
        under_way.add_done_callback(lambda _: self._under_way.pop(host, None))
        return under_way

    def _answered(self, tenant: UUID | None, host: str, question: asyncio.Task[Sequence[Any]]) -> None:
        self._questions.pop((tenant, host), None)
        self._count[tenant] -= 1
        if not self._count[tenant]:
            del self._count[tenant]
            if tenant is not None:
                self._shares.pop(tenant, None)
        if not question.cancelled():
            question.exception()  # perhaps nobody waits any longer, and then it is of no interest


def _found(asked: asyncio.Future[Sequence[Any]]) -> Sequence[Any]:
    try:
        return asked.result()
    except UnicodeError:
        raise OSError("the name is none") from None
