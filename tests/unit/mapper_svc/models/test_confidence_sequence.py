"""However often one looks, the sequence misses the truth no more often than it says."""

from collections import Counter
from math import log
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_svc.domain.confidence_sequence import confidence_sequence, log_mixture
from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.trial_figures import AGREED, BOTH_SURE, feedback, only_slow, only_unsure
from mapper_svc.domain.trial_verdict import Finding, Measure, verdicts

ALPHA = 0.05


@given(st.integers(0, 2_000), st.integers(0, 2_000), st.sampled_from([0.2, 0.05, 0.001]))
def test_ends_are_where_the_mixture_reaches_the_limit(hits: int, misses: int, alpha: float) -> None:
    total = hits + misses
    low, high = confidence_sequence(hits, total, alpha)
    assert 0 <= low <= high <= 1
    if total:
        assert low <= hits / total <= high
    for end in (low, high):
        if 0 < end < 1:
            assert log_mixture(hits, total, end) == pytest.approx(-log(alpha), abs=1e-6)


@given(st.integers(1, 500), st.data())
def test_less_error_makes_it_wider(total: int, data: st.DataObject) -> None:
    hits = data.draw(st.integers(0, total))
    wide, narrow = confidence_sequence(hits, total, 0.001), confidence_sequence(hits, total, 0.2)
    assert wide[0] <= narrow[0] <= narrow[1] <= wide[1]


@pytest.mark.parametrize("share", [0.5, 0.1, 0.02, 0.97])
def test_truth_is_missed_at_any_of_a_thousand_looks_in_no_more_than_alpha_of_runs(share: float) -> None:
    random, runs, missed = Random(17), 400, 0
    limit = -log(ALPHA)
    for _ in range(runs):
        hits = 0
        for total in range(1, 1_001):
            hits += random.random() < share
            if log_mixture(hits, total, share) >= limit:
                missed += 1
                break
    assert missed / runs <= ALPHA, (
        "and looking at a fixed-size interval this often would miss in half of them"
    )


def ab(random: Random, *, tried: float, active: float, steps: int) -> set[tuple[Measure, Finding]]:
    """Simulate a trial that is looked at all the time; return every finding that came up."""
    counts: Counter[str] = Counter()
    found: set[tuple[Measure, Finding]] = set()
    for step in range(steps):
        for arm, share in ((Arm.TREATMENT, tried), (Arm.CONTROL, active)):
            counts[feedback(arm, right=random.random() >= share)] += 1
        for name in (only_unsure, only_slow):
            outcomes = {arm: random.random() < share for arm, share in zip(Arm, (active, tried), strict=True)}
            if outcomes[Arm.CONTROL] != outcomes[Arm.TREATMENT]:
                counts[name(Arm.TREATMENT if outcomes[Arm.TREATMENT] else Arm.CONTROL)] += 1
        counts[BOTH_SURE] += 1
        counts[AGREED] += random.random() < 0.9
        if step % 20 == 0:
            found |= {(one.measure, one.finding) for one in verdicts(counts, alpha=ALPHA, min_agreement=0.9)}
    return {(measure, finding) for measure, finding in found if finding is not Finding.UNDECIDED}


def test_two_versions_that_are_alike_are_told_apart_in_no_more_than_alpha_of_trials() -> None:
    random, trials = Random(23), 100
    wrong = sum(bool(ab(random, tried=0.2, active=0.2, steps=300)) for _ in range(trials))
    assert wrong / trials <= ALPHA


def test_version_that_is_worse_is_found_so_by_each_measure() -> None:
    found = ab(Random(29), tried=0.5, active=0.1, steps=300)
    assert {measure for measure, finding in found if finding is Finding.WORSE} == {
        Measure.FEEDBACK,
        Measure.FALLBACK,
        Measure.LATENCY,
    }
    assert not [finding for _, finding in found if finding is Finding.BETTER]


def test_version_that_is_better_is_found_so() -> None:
    found = ab(Random(31), tried=0.1, active=0.5, steps=300)
    assert {finding for _, finding in found} == {Finding.BETTER}


def test_agreement_is_judged_against_its_limit() -> None:
    def finding(agreed: int, sure: int) -> Finding:
        return verdicts({AGREED: agreed, BOTH_SURE: sure}, alpha=ALPHA, min_agreement=0.8)[0].finding

    assert finding(10, 100) is Finding.WORSE
    assert finding(99, 100) is Finding.ENOUGH
    assert finding(8, 10) is Finding.UNDECIDED
    assert finding(0, 0) is Finding.UNDECIDED
