"""A version that does worse is found out by a few dozen calls; one that does not is left alone."""

from collections import Counter
from random import Random

import pytest

from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.trial_figures import AGREED, BOTH_SURE, latency_class, upper_edge
from mapper_svc.domain.trial_guard import GuardLimits, GuardReason, find_breach, wilson

LIMITS = GuardLimits(
    min_calls=20,
    error_margin=0.05,
    fallback_margin=0.1,
    latency_ratio=1.5,
    latency_slack_ms=50,
    min_agreement=0.7,
)


def arm(which: Arm, calls: int, *, errors: int = 0, unsure: int = 0, ms: float = 80.0) -> Counter[str]:
    answered = calls - errors
    return Counter(
        {
            f"{which}.calls": calls,
            f"{which}.errors": errors,
            f"{which}.labels": answered,
            f"{which}.unsure": unsure,
            f"{which}.ms.{latency_class(ms)}": answered,
        }
    )


def reason(*counts: Counter[str]) -> GuardReason | None:
    breach = find_breach(sum(counts, Counter()), LIMITS)
    return None if breach is None else breach.reason


GOOD = arm(Arm.CONTROL, 200, errors=1, unsure=60)
WORSE = {
    GuardReason.ERROR_RATE: arm(Arm.TREATMENT, 20, errors=20),
    GuardReason.FALLBACK_RATE: arm(Arm.TREATMENT, 30, unsure=30),
    GuardReason.LATENCY: arm(Arm.TREATMENT, 30, ms=400, unsure=9),
    GuardReason.AGREEMENT: arm(Arm.TREATMENT, 30) + Counter({BOTH_SURE: 40, AGREED: 4}),
}


@pytest.mark.parametrize("expected", list(WORSE))
def test_each_way_of_being_worse_is_found_and_named(expected: GuardReason) -> None:
    assert reason(GOOD, WORSE[expected]) is expected


def test_figures_of_a_breach_are_numbers_that_the_audit_log_can_hash() -> None:
    for counts in WORSE.values():
        breach = find_breach(GOOD + counts, LIMITS)
        assert breach is not None
        assert {type(value) for value in breach.figures.values()} == {int}


def test_nothing_is_judged_before_there_were_enough_calls() -> None:
    assert reason(GOOD, arm(Arm.TREATMENT, 19, errors=19)) is None


def test_version_that_does_as_well_stays() -> None:
    assert reason(GOOD, arm(Arm.TREATMENT, 200, errors=1, unsure=60)) is None


def test_active_version_that_fails_as_often_convicts_nobody() -> None:
    assert reason(arm(Arm.CONTROL, 100, errors=50), arm(Arm.TREATMENT, 100, errors=50)) is None


def test_of_an_active_version_without_calls_nothing_bad_is_assumed() -> None:
    assert reason(arm(Arm.TREATMENT, 40, errors=40)) is GuardReason.ERROR_RATE
    assert reason(arm(Arm.TREATMENT, 40, ms=2_000)) is None, "there is nothing to be slower than"


@pytest.mark.parametrize("control", [0, 19])
def test_abstaining_on_a_third_as_the_active_version_does_is_no_fault_while_that_one_idles(
    control: int,
) -> None:
    active = arm(Arm.CONTROL, control, unsure=control // 3)
    assert reason(active, arm(Arm.TREATMENT, 300, unsure=100)) is None
    assert reason(active, arm(Arm.TREATMENT, 300, errors=240)) is GuardReason.ERROR_RATE, (
        "failing is judged all the same"
    )


def test_abstaining_is_judged_as_soon_as_the_active_version_was_asked_enough() -> None:
    assert reason(arm(Arm.CONTROL, 20, unsure=6), arm(Arm.TREATMENT, 40, unsure=40)) is (
        GuardReason.FALLBACK_RATE
    )
    assert reason(arm(Arm.CONTROL, 20, unsure=7), arm(Arm.TREATMENT, 300, unsure=100)) is None


def test_small_difference_in_latency_is_noise() -> None:
    assert reason(arm(Arm.CONTROL, 100, ms=8), arm(Arm.TREATMENT, 100, ms=40)) is None


def test_versions_that_are_alike_are_not_told_apart_by_many_looks() -> None:
    random, false_alarms = Random(3), 0
    for _ in range(60):
        counts: Counter[str] = Counter()
        for _ in range(300):
            for which in Arm:
                answered = random.random() > 0.02
                counts += arm(
                    which,
                    1,
                    errors=0 if answered else 1,
                    unsure=int(answered and random.random() < 0.3),
                    ms=random.lognormvariate(4.4, 0.4),
                )
            sure = random.random() < 0.5
            counts += Counter({BOTH_SURE: int(sure), AGREED: int(sure and random.random() < 0.9)})
            if find_breach(counts, LIMITS) is not None:
                false_alarms += 1
                break
    assert false_alarms == 0


@pytest.mark.parametrize("milliseconds", [0.2, 1, 1.01, 77, 250, 3_000, 90_000])
def test_latency_falls_into_the_class_whose_edge_is_just_above(milliseconds: float) -> None:
    index = latency_class(milliseconds)
    if milliseconds < 3_000:
        assert milliseconds <= max(1.0, upper_edge(index) * 1.0001)
    if index:
        assert upper_edge(index - 1) < milliseconds


def test_interval_holds_the_share_and_narrows() -> None:
    wide, narrow = wilson(3, 10), wilson(300, 1_000)
    assert wide[0] < narrow[0] < 0.3 < narrow[1] < wide[1]
    assert wilson(0, 0) == (0.0, 1.0)
