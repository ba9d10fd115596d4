"""A name that never answers holds up nobody but those who ask for it, and their tenant's other names."""

import asyncio
import ipaddress
import socket
import threading
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest

from orchestration_svc.adapters.contained_detector import ContainedDetector, Containment
from orchestration_svc.adapters.detectors.fms_http import FmsDetectors, FmsOptions
from orchestration_svc.adapters.detectors.http_detector import HttpDetector, HttpTarget
from orchestration_svc.adapters.http_calls import NoRoomError
from orchestration_svc.adapters.name_lookup import TENANT_AT_ONCE, TENANTS_AT_ONCE, NameLookup
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient
from orchestration_svc.adapters.outbound_rule import Address
from orchestration_svc.adapters.remote_detector import RemoteDetector
from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorInfo,
    DetectorKind,
    FailureReason,
    ReadyState,
)
from orchestration_svc.domain.detector_breaker import BreakerRule, BreakerState
from tests.unit.orchestration_svc.detectors.test_containment import Events

HERE = [ipaddress.ip_address("192.0.2.7")]
HOSTILE, GOOD = UUID(int=1), UUID(int=2)


class Resolver:
    """Knows one address; names under ``silent.`` get no answer until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def __call__(self, host: str, port: int | None, **_: Any) -> list[Any]:
        self.asked.append(host)
        if host.startswith("silent."):
            self.let_go.wait(30)
        if host.startswith("unknown."):
            raise socket.gaierror
        if host.startswith("none."):
            raise UnicodeError
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.7", port))] * 2


class Names:
    def __init__(self) -> None:
        self.resolver = Resolver()
        self.lookup = NameLookup(self.resolver)
        self.waiting: list[asyncio.Task[Sequence[Address]]] = []

    async def find(self, host: str, tenant: UUID | None = None, *, for_s: float = 20) -> Sequence[Address]:
        until = asyncio.get_running_loop().time() + for_s
        return await self.lookup(host, until=until, tenant=tenant)

    async def begin(self, *hosts: str, tenant: UUID | None = None) -> None:
        """Ask without waiting for the answers."""
        self.waiting += [asyncio.create_task(self.find(host, tenant)) for host in hosts]
        for _ in range(5):
            await asyncio.sleep(0)

    async def reached(self, count: int) -> bool:
        """Wait until the resolver was asked so often; tell whether it was asked no oftener."""
        for _ in range(5_000):
            if len(self.resolver.asked) >= count:
                break
            await asyncio.sleep(0.001)
        return len(self.resolver.asked) == count

    async def close(self) -> None:
        self.resolver.let_go.set()
        self.lookup.close()
        await asyncio.gather(*self.waiting, return_exceptions=True)


@pytest.fixture
async def names() -> AsyncIterator[Names]:
    made = Names()
    yield made
    await made.close()


def silent(count: int) -> list[str]:
    return [f"silent.{number}.example" for number in range(count)]


async def test_many_who_ask_for_one_silent_name_hold_one_thread_and_nobody_else_up(names: Names) -> None:
    await names.begin(*["silent.example"] * 200, tenant=HOSTILE)
    assert await names.find("quick.example", HOSTILE) == HERE
    for one in names.waiting[:-1]:
        one.cancel()  # their time is up
    await asyncio.sleep(0)
    names.resolver.let_go.set()
    assert await names.waiting[-1] == HERE
    assert names.resolver.asked.count("silent.example") == 1


async def test_tenant_with_silent_names_holds_its_own_other_names_up_alone(names: Names) -> None:
    await names.begin(*silent(60), tenant=HOSTILE)
    assert await names.find("quick.example", GOOD) == HERE
    assert await names.find("quick.example") == HERE
    assert names.resolver.asked.count("quick.example") == 2
    assert await names.reached(TENANT_AT_ONCE + 2)
    with pytest.raises(NoRoomError):
        await names.find("another.example", HOSTILE, for_s=0.05)


async def test_name_that_waits_in_anothers_share_is_looked_up_in_ones_own(names: Names) -> None:
    await names.begin(*silent(TENANT_AT_ONCE), "wanted.example", tenant=HOSTILE)
    assert "wanted.example" not in names.resolver.asked
    assert await names.find("wanted.example", GOOD) == HERE


async def test_all_tenants_together_leave_the_operator_room(names: Names) -> None:
    for number in range(10):
        await names.begin(
            *(f"silent.{number}.{place}.example" for place in range(4)), tenant=UUID(int=number)
        )
    assert await names.reached(TENANTS_AT_ONCE)
    assert await names.find("quick.example") == HERE


async def test_more_names_than_can_wait_are_refused_at_once(names: Names) -> None:
    await names.begin(*silent(64), tenant=HOSTILE)
    with pytest.raises(NoRoomError, match="too many names"):
        await names.find("another.example", HOSTILE)
    for number in range(2, 4):
        await names.begin(
            *(f"silent.{number}.{place}.example" for place in range(64)), tenant=UUID(int=number)
        )
    with pytest.raises(NoRoomError, match="too many names"):
        await names.find("another.example", UUID(int=9))
    assert await names.find("quick.example") == HERE


async def test_answer_that_does_not_come_is_not_taken_for_lack_of_room(names: Names) -> None:
    with pytest.raises(TimeoutError):
        await names.find("silent.example", GOOD, for_s=0.05)


async def test_share_is_free_again_when_the_answers_are_there(names: Names) -> None:
    await names.begin(*silent(64), tenant=HOSTILE)
    names.resolver.let_go.set()
    assert await asyncio.gather(*names.waiting) == [HERE] * 64
    assert await names.find("another.example", HOSTILE) == HERE


@pytest.mark.parametrize("host", ["unknown.example", "none.example"])
async def test_a_name_that_was_not_known_is_asked_for_again(names: Names, host: str) -> None:
    for _ in range(2):
        with pytest.raises(OSError):  # noqa: PT011 - the system's own
            await names.find(host)
    assert names.resolver.asked == [host] * 2


@pytest.mark.parametrize("address", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_is_not_looked_up(names: Names, address: str) -> None:
    assert await names.find(address) == [ipaddress.ip_address(address)]
    assert names.resolver.asked == []


async def test_nothing_is_looked_up_once_it_is_closed(names: Names) -> None:
    names.lookup.close()
    with pytest.raises(OSError, match="closed"):
        await names.find("quick.example")
    assert names.resolver.asked == []


async def test_host_is_asked_for_once_whatever_the_port(names: Names) -> None:
    async with OutboundClient(AnyAddress(), max_connections=8, lookup=names.lookup) as client:
        calls = [
            client.call("GET", f"http://silent.example:{port}/", headers={}, timeout_s=0.1, max_bytes=1)
            for port in range(8001, 8006)
        ]
        await asyncio.gather(*calls, return_exceptions=True)
    assert names.resolver.asked == ["silent.example"]


@pytest.mark.parametrize("waiting", [TENANT_AT_ONCE, 64])
async def test_look_up_without_room_is_no_fault_of_the_detector(names: Names, waiting: int) -> None:
    await names.begin(*silent(waiting), tenant=HOSTILE)
    async with OutboundClient(AnyAddress(), max_connections=8, lookup=names.lookup) as client:
        target = HttpTarget("d", "http://mine.example", "acme", tenant=HOSTILE)
        plugin = HttpDetector(target, FmsDetectors(FmsOptions("d")), client)
        info = DetectorInfo("d", "acme", "1", DetectorKind.REMOTE, frozenset({"text/plain"}), 1_000)

        async def check() -> None:
            await plugin.check_health("/health")

        rule = Containment(breaker=BreakerRule(failures=1))
        detector = ContainedDetector(RemoteDetector(info, plugin), rule, Events(), check=check)
        for _ in range(3):
            with pytest.raises(DetectorFault) as caught:
                await detector.detect("text", timeout_s=1, context=CallContext())
            assert caught.value.reason is FailureReason.TOO_MANY_CALLS
            await detector.probe(1)
        assert detector.breaker.state is BreakerState.CLOSED
        assert detector.health().state is ReadyState.READY
