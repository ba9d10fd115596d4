"""What a tenant may ask for: the platform's word, lowered by the tenant's own."""

import json

import pytest

from orchestration_svc.adapters.tenant_limits import LoweredLimits, PlatformLimits
from orchestration_svc.domain.limits import LIMIT_NAMES, Limits
from orchestration_svc.domain.tenant_settings import CurrentChoices, RequestChoices
from tests.unit.orchestration_svc.fakes import OTHER_TENANT, TENANT

EVERYBODY = dict.fromkeys(LIMIT_NAMES, 100) | {"jobs_queued": 0}


class Chose:
    def __init__(self, limits: Limits) -> None:
        self._limits = limits

    async def of(self, tenant_id: object) -> CurrentChoices:  # noqa: ARG002 - the shape of the port
        return CurrentChoices(RequestChoices(limits=self._limits))


def test_zero_is_no_limit() -> None:
    assert PlatformLimits(EVERYBODY, "{}").allowed(TENANT) == Limits(100, 100, 100, 100, None)


def test_single_tenant_can_be_given_more_less_or_no_limit() -> None:
    own = json.dumps({str(TENANT): {"requests_per_minute": 500, "concurrent_requests": 0, "jobs_queued": 3}})
    platform = PlatformLimits(EVERYBODY, own)
    assert platform.allowed(TENANT) == Limits(500, 100, None, 100, 3)
    assert platform.allowed(OTHER_TENANT) == Limits(100, 100, 100, 100, None)


@pytest.mark.parametrize(
    "written",
    [
        "",
        "[]",
        '{"acme": {}}',
        f'{{"{TENANT}": {{"requests": 1}}}}',
        f'{{"{TENANT}": {{"jobs_queued": -1}}}}',
    ],
)
def test_limits_written_wrongly_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        PlatformLimits(EVERYBODY, written)


async def test_tenant_lowers_and_never_raises() -> None:
    platform = PlatformLimits(EVERYBODY, "{}")
    chosen = Limits(requests_per_minute=7, concurrent_requests=900, jobs_queued=2)
    assert await LoweredLimits(platform, Chose(chosen)).of(TENANT) == Limits(7, 100, 100, 100, 2)


def test_first_field_above_the_platforms_is_named() -> None:
    allowed = PlatformLimits(EVERYBODY, "{}").allowed(TENANT)
    assert allowed.raised_by(Limits(content_bytes_per_day=101)) == "content_bytes_per_day"
    assert allowed.raised_by(Limits(requests_per_minute=100, jobs_queued=10**9)) is None
