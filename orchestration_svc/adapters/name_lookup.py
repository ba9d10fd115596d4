"""Hosts' addresses by the system's resolver, which waits as long as it likes: in threads of its own."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from orchestration_svc.adapters.outbound_rule import Address

AT_ONCE = 32
"""How many names are looked up at once."""
_WAITING_MAX = 256


class NameLookup:
    """Looks names up, each once at a time however many ask for it.

    A name that never answers holds one of `AT_ONCE` threads until the resolver gives it up, and nobody else's
    threads. Whoever asks waits for as long as it wants to and no longer: a question goes on without it.

    Args:
        resolve: asks the system; blocks.
    """

    def __init__(self, resolve: Callable[..., Sequence[Any]] = socket.getaddrinfo) -> None:
        self._resolve = resolve
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="name-lookup")
        self._asked: dict[tuple[str, int], asyncio.Future[Sequence[Any]]] = {}

    async def __call__(self, host: str, port: int) -> Sequence[Address]:
        """Return the addresses of a host.

        Raises:
            OSError: it has none, or too many names are being looked up.
        """
        try:
            return [ipaddress.ip_address(host.partition("%")[0])]
        except ValueError:
            pass  # a name
        asked = self._asked.get((host, port)) or self._ask(host, port)
        await asyncio.wait({asked})  # which leaves it alone when the one who waits gives up
        # A scoped address is written fe80::1%eth0; the scope is the system's affair.
        addresses = [ipaddress.ip_address(str(entry[4][0]).partition("%")[0]) for entry in asked.result()]
        return list(dict.fromkeys(addresses))

    def close(self) -> None:
        """Begin no more questions; those under way end as the resolver ends them."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _ask(self, host: str, port: int) -> asyncio.Future[Sequence[Any]]:
        if len(self._asked) >= _WAITING_MAX:
            raise OSError("too many names are being looked up")
        question = partial(self._resolve, host, port, type=socket.SOCK_STREAM)
        try:
            asked = asyncio.get_running_loop().run_in_executor(self._threads, question)
        except RuntimeError:
            raise OSError("closed") from None
        self._asked[host, port] = asked
        asked.add_done_callback(partial(self._answered, (host, port)))
        return asked

    def _answered(self, name: tuple[str, int], asked: asyncio.Future[Sequence[Any]]) -> None:
        self._asked.pop(name, None)
        if not asked.cancelled():
            asked.exception()  # perhaps nobody waits any longer, and then it is of no interest
