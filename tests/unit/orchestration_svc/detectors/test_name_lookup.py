"""A name that never answers holds up nobody but those who ask for it."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from orchestration_svc.adapters.name_lookup import NameLookup


class Resolver:
    """Knows one address; names under ``silent.`` get no answer until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def __call__(self, host: str, port: int, **_: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("silent."):
            self.let_go.wait(30)
        if host.startswith("unknown."):
            raise socket.gaierror
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))] * 2


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    made = Resolver()
    yield made
    made.let_go.set()


@pytest.fixture
def lookup(resolver: Resolver) -> Iterator[NameLookup]:
    made = NameLookup(resolver)
    yield made
    made.close()


async def test_many_who_ask_for_one_silent_name_hold_one_thread_and_nobody_else_up(
    lookup: NameLookup, resolver: Resolver
) -> None:
    waiting = [asyncio.create_task(lookup("silent.example", 443)) for _ in range(200)]
    await asyncio.sleep(0)
    assert await lookup("quick.example", 443) == [ipaddress.ip_address("192.0.2.7")]
    for one in waiting[:-1]:
        one.cancel()  # their time is up
    await asyncio.sleep(0)
    resolver.let_go.set()
    assert await waiting[-1] == [ipaddress.ip_address("192.0.2.7")]
    assert resolver.asked.count("silent.example") == 1


async def test_more_names_than_can_wait_are_refused_at_once(lookup: NameLookup) -> None:
    waiting = [asyncio.create_task(lookup(f"silent.{number}.example", 443)) for number in range(256)]
    await asyncio.sleep(0)
    with pytest.raises(OSError, match="too many names"):
        await lookup("another.example", 443)
    for one in waiting:
        one.cancel()


async def test_a_name_that_was_not_known_is_asked_for_again(lookup: NameLookup, resolver: Resolver) -> None:
    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - the system's own
            await lookup("unknown.example", 443)
    assert resolver.asked == ["unknown.example"] * 2


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_is_not_looked_up(lookup: NameLookup, resolver: Resolver, address: str) -> None:
    assert await lookup(address, 443) == [ipaddress.ip_address(address)]
    assert resolver.asked == []


async def test_nothing_is_looked_up_once_it_is_closed(lookup: NameLookup, resolver: Resolver) -> None:
    lookup.close()
    with pytest.raises(OSError, match="closed"):
        await lookup("quick.example", 443)
    assert resolver.asked == []
