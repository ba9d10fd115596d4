import math

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.lib.scoring.log_softmax import log_softmax
from pipelines.lib.training.calibrate import TierLogits, fit_calibration, fit_temperature, fit_threshold
from pipelines.lib.training.measure import (
    Share,
    confidence_loss,
    expected_calibration_error,
    is_right,
    mean_log_loss,
)


def test_wilson_interval_is_that_of_the_literature() -> None:
    # Newcombe 1998, table I: 81 of 263 gives 0.2553 to 0.3662.
    share = Share.of(81, 263)
    assert share.low == pytest.approx(0.2553, abs=5e-5)
    assert share.high == pytest.approx(0.3662, abs=5e-5)


@given(st.integers(0, 500), st.integers(0, 500))
def test_an_interval_holds_its_share_and_stays_within_bounds(right: int, wrong: int) -> None:
    share = Share.of(right, right + wrong)
    assert 0 <= share.low <= share.high <= 1
    if share.cases:
        assert share.low - 1e-12 <= share.value <= share.high + 1e-12


def test_no_case_is_no_share_and_the_widest_interval() -> None:
    share = Share.of(0, 0)
    assert math.isnan(share.value)
    assert (share.low, share.high) == (0, 1)


def test_a_model_that_is_as_sure_as_it_is_right_has_no_calibration_error() -> None:
    confidence = np.full(1000, 0.75)
    right = np.arange(1000) % 4 != 0
    assert expected_calibration_error(confidence, right, bins=10) == pytest.approx(0, abs=0.01)


def test_a_model_that_is_sure_and_wrong_has_the_largest_error() -> None:
    assert expected_calibration_error(np.ones(50), np.zeros(50, dtype=bool)) == 1


def test_an_accepted_label_is_right() -> None:
    distributions = np.array([[0.1, 0.9], [0.8, 0.2]])
    accepted = [frozenset({"a", "b"}), frozenset({"b"})]
    assert is_right(distributions, ("a", "b"), accepted).tolist() == [True, False]


def test_a_temperature_undoes_overconfidence() -> None:
    draw = np.random.default_rng(3)
    logits = draw.normal(size=(4000, 5))
    probabilities = np.exp(log_softmax(logits))
    targets = np.array([draw.choice(5, p=row) for row in probabilities])
    assert fit_temperature(logits * 4, np.eye(5, dtype=np.bool_)[targets], mean_log_loss) == pytest.approx(
        4, rel=0.1
    )


def test_confidence_comes_near_the_chance_of_being_right_where_several_labels_are() -> None:
    draw = np.random.default_rng(6)
    logits = draw.normal(size=(4000, 4)) + np.array([3.0, 3.0, 0.0, 0.0])
    probabilities = np.exp(log_softmax(logits))
    accepted = np.eye(4, dtype=np.bool_)[[draw.choice(4, p=row) for row in probabilities]]
    # The first two labels mean the same: one is right whenever the other is.
    accepted[:, :2] |= accepted[:, :2].any(axis=1, keepdims=True)
    fitted = log_softmax(logits / fit_temperature(logits, accepted, confidence_loss))
    right = accepted[np.arange(len(logits)), logits.argmax(axis=1)].mean()
    assert right - np.exp(fitted.max(axis=1)).mean() < (right - probabilities.max(axis=1).mean()) / 2


def test_a_tier_that_knows_nothing_does_no_harm() -> None:
    draw = np.random.default_rng(4)
    targets = np.eye(6, dtype=np.bool_)[draw.integers(0, 6, size=500)]
    good = targets * 6.0 + draw.normal(size=(500, 6))
    noise = draw.normal(size=(500, 6))
    for model, head in ((good, noise), (noise, good)):
        calibration = fit_calibration(TierLogits(model, head, targets), np.ones(6, dtype=np.bool_))
        combined = confidence_loss(calibration.combined(model, head), targets)
        alone = calibration.model(good) if model is good else calibration.head(good)
        assert combined <= confidence_loss(alone, targets) + 1e-3


def test_every_tier_gives_a_distribution() -> None:
    draw = np.random.default_rng(5)
    model, head, targets = (
        draw.normal(size=(50, 6)),
        draw.normal(size=(50, 6)),
        np.eye(6, dtype=np.bool_)[draw.integers(0, 6, size=50)],
    )
    calibration = fit_calibration(TierLogits(model, head, targets), np.ones(6, dtype=np.bool_))
    for found in (calibration.model(model), calibration.head(head), calibration.combined(model, head)):
        assert np.exp(found).sum(axis=1) == pytest.approx(np.ones(50))


def test_the_threshold_is_the_smallest_that_is_right_often_enough() -> None:
    confidence = np.array([0.95] * 297 + [0.9] * 3 + [0.7] * 20 + [0.3] * 5)
    right = np.array([True] * 297 + [True, True, False] + [False] * 20 + [True] * 5)
    assert fit_threshold(confidence, right) == 0.9
    right[300:320] = True
    assert fit_threshold(confidence, right) == 0.6


def test_a_threshold_needs_more_than_luck() -> None:
    confidence, right = np.full(40, 0.9), np.ones(40, dtype=np.bool_)
    assert fit_threshold(confidence, right) is None, "40 of 40 may well be 95 of 100"
    assert fit_threshold(np.full(80, 0.9), np.ones(80, dtype=np.bool_)) == 0.6


def test_the_threshold_is_not_fitted_on_labels_that_the_mapper_never_takes_from_a_model() -> None:
    targets = np.eye(2, dtype=np.bool_)[np.arange(400) % 2]
    logits = targets * 8.0
    assert fit_calibration(TierLogits(logits, logits, targets), np.array([True, False])).threshold is not None
    # The second label is always right and the first, which alone counts, mostly wrong.
    swapped = targets.copy()
    swapped[:300:2] = [False, True]
    assert fit_calibration(TierLogits(logits, logits, swapped), np.array([True, False])).threshold is None


def test_vendors_that_were_left_out_raise_the_threshold() -> None:
    draw = np.random.default_rng(7)
    targets = np.eye(2, dtype=np.bool_)[np.arange(2000) % 2]
    logits = targets * 8.0 + draw.normal(size=targets.shape) * 3.0
    nameable = np.ones(2, dtype=np.bool_)
    easy = TierLogits(logits, logits, targets)
    alone = fit_calibration(easy, nameable)
    # Of what it is less sure of, half of the strangers' are wrong.
    wrong = targets.copy()
    unsure = np.abs(logits[:, 0] - logits[:, 1]) < 5.0
    wrong[unsure & (np.arange(2000) % 4 < 2)] ^= True
    both = fit_calibration(easy, nameable, TierLogits(logits, logits, wrong))
    assert alone.threshold is not None
    assert both.threshold is not None
    assert both.threshold > alone.threshold
    assert msgspec.structs.replace(both, threshold=alone.threshold) == alone


def test_no_threshold_is_better_than_one_that_does_not_hold() -> None:
    assert fit_threshold(np.array([0.9, 0.8]), np.array([False, True])) is None
    assert fit_threshold(np.full(100, 0.5), np.ones(100, dtype=np.bool_)) is None
    assert fit_threshold(np.empty(0), np.empty(0, dtype=np.bool_)) is None


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), max_size=60))
def test_answers_above_a_threshold_are_right_as_often_as_it_says(cases: list[tuple[float, bool]]) -> None:
    confidence = np.array([one for one, _ in cases], dtype=np.float64)
    right = np.array([one for _, one in cases], dtype=np.bool_)
    threshold = fit_threshold(confidence, right)
    if threshold is not None:
        assert threshold >= 0.6
        assert right[confidence >= threshold].mean() >= 0.97
