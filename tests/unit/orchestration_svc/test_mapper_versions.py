"""What the mapper maps with is asked seldom, once for many, and never believed for longer than seconds."""

import asyncio
from uuid import UUID

import pytest

from orchestration_svc.adapters.fault_log import FaultLog
from orchestration_svc.adapters.kept_bytes import ByteAllowance
from orchestration_svc.adapters.mapper_versions import KEPT_S, KeptMappingVersions
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.downstream import DownstreamError
from tests.unit.orchestration_svc.fakes import OTHER_TENANT, TENANT


class Mapper:
    def __init__(self) -> None:
        self.version: str | None = "v1"
        self.fails = False
        self.hangs = False
        self.asked: list[UUID] = []

    async def mapping_version(self, *, tenant_id: UUID, timeout_s: float) -> str | None:  # noqa: ARG002
        self.asked.append(tenant_id)
        said = self.version  # as it was when the question arrived
        await asyncio.sleep(0)
        if self.hangs:
            await asyncio.Event().wait()
        if self.fails:
            raise DownstreamError("timeout")
        return said


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def mapper() -> Mapper:
    return Mapper()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def kept(mapper: Mapper, clock: Clock) -> KeptMappingVersions:
    return KeptMappingVersions(mapper, BackgroundWork(), FaultLog(), clock)


async def test_many_requests_of_a_tenant_ask_once_and_another_tenant_asks_for_itself(
    kept: KeptMappingVersions, mapper: Mapper
) -> None:
    assert await asyncio.gather(*(kept.of(TENANT) for _ in range(50))) == ["v1"] * 50
    await kept.of(OTHER_TENANT)
    assert mapper.asked == [TENANT, OTHER_TENANT]


async def test_a_switch_of_the_model_is_known_within_seconds(
    kept: KeptMappingVersions, mapper: Mapper, clock: Clock
) -> None:
    await kept.of(TENANT)
    mapper.version = "v2"
    clock.now += KEPT_S / 2
    assert await kept.of(TENANT) == "v1", "asked beside the request, which does not wait"
    await asyncio.sleep(0.01)
    assert await kept.of(TENANT) == "v2"


async def test_what_was_said_long_ago_is_not_believed(
    kept: KeptMappingVersions, mapper: Mapper, clock: Clock
) -> None:
    await kept.of(TENANT)
    mapper.fails = True
    clock.now += KEPT_S
    assert [await kept.of(TENANT) for _ in range(3)] == [None] * 3
    assert len(mapper.asked) == 2, "one that failed is left alone for a while"


async def test_a_mapper_that_hangs_holds_no_request_up(kept: KeptMappingVersions, mapper: Mapper) -> None:
    mapper.hangs = True
    async with asyncio.timeout(5):
        assert await kept.of(TENANT) is None


def test_no_tenant_takes_the_room_of_all() -> None:
    clock = Clock()
    allowance = ByteAllowance(1_000, 60, clock)
    taken = [allowance.take(TENANT, 100) for _ in range(4)]
    assert taken == [True, True, False, False]
    assert allowance.take(OTHER_TENANT, 250)
    clock.now += 60
    assert allowance.take(TENANT, 250)


def test_all_tenants_together_take_no_more_than_there_is() -> None:
    allowance = ByteAllowance(1_000, 60, Clock())
    tenants = [UUID(int=number) for number in range(8)]
    assert sum(allowance.take(tenant, 250) for tenant in tenants) == 4
