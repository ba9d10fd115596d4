"""A tenant keeps to its arm, and the arms have the sizes that were asked for."""

from dataclasses import replace
from datetime import UTC, datetime
from random import Random
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_svc.domain.model_arms import Arm, arm_of
from mapper_svc.domain.model_fleet import Trial, TrialKind

RANDOM = Random(5)
TENANTS = [UUID(int=RANDOM.getrandbits(128)) for _ in range(4_000)]


def trial(seed: int = 1, percent: int = 10) -> Trial:
    return Trial(
        id=UUID(int=seed),
        kind=TrialKind.CANARY,
        version="aa",
        percent=percent,
        salt=Random(seed).randbytes(16),
        started_at=datetime(2026, 11, 22, tzinfo=UTC),
    )


def treated(one: Trial) -> set[UUID]:
    return {tenant for tenant in TENANTS if arm_of(tenant, one) is Arm.TREATMENT}


@pytest.mark.parametrize("percent", [1, 10, 50, 99])
def test_share_of_treated_tenants_is_the_one_asked_for(percent: int) -> None:
    expected, got = len(TENANTS) * percent / 100, len(treated(trial(percent=percent)))
    assert abs(got - expected) < 4 * (expected * (1 - percent / 100)) ** 0.5


@given(st.uuids(), st.integers(0, 2**32), st.lists(st.integers(1, 99), min_size=2, max_size=5))
def test_growing_share_takes_no_tenant_out(tenant: UUID, seed: int, percents: list[int]) -> None:
    arms = [arm_of(tenant, trial(seed, percent)) for percent in sorted(percents)]
    assert arms == sorted(arms, key=lambda arm: arm is Arm.TREATMENT)


def test_another_trial_and_another_salt_deal_anew() -> None:
    first = treated(trial(1, 50))
    others = (treated(trial(2, 50)), treated(replace(trial(1, 50), salt=b"other")))
    for other in others:
        assert 0.4 < len(first & other) / len(first) < 0.6


def test_shadow_treats_nobody() -> None:
    assert treated(trial(percent=0)) == set()
