import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as of_numpy

from pipelines.lib.evaluation.abstention import abstention_curve, at_threshold
from pipelines.lib.evaluation.calibration_scores import BINS, calibration_score

ALL = np.ones(300, dtype=np.bool_)


def test_bins_have_equal_mass_and_rise_in_confidence() -> None:
    draw = np.random.default_rng(2)
    confidence = draw.random(671)
    score = calibration_score(confidence, draw.random(671) < confidence)
    sizes = [one.accuracy.cases for one in score.bins]
    assert len(sizes) == BINS
    assert max(sizes) - min(sizes) <= 1
    means = [one.confidence for one in score.bins]
    assert means == sorted(means)


def test_a_calibrated_model_has_the_error_that_chance_alone_makes() -> None:
    draw = np.random.default_rng(3)
    confidence = draw.beta(4, 1.5, 671)
    score = calibration_score(confidence, draw.random(671) < confidence)
    assert 0.01 < score.expected_by_chance < 0.06
    assert score.ece <= score.chance_high


def test_an_overconfident_model_has_more_than_chance_makes() -> None:
    score = calibration_score(np.full(500, 0.95), np.arange(500) % 2 == 0)
    assert score.ece == pytest.approx(0.45)
    assert score.ece > score.chance_high


def test_precision_is_read_at_the_threshold_itself() -> None:
    confidence, right = np.array([0.99, 0.9, 0.8, 0.5]), np.array([True, False, True, True])
    found = at_threshold(confidence, right, ALL[:4], 0.9)
    assert found is not None
    assert found.precision is not None
    assert (found.coverage.value, found.precision.value) == (0.5, 0.5)


def test_labels_that_only_rules_give_are_neither_coverage_nor_precision() -> None:
    confidence, right = np.array([0.99, 0.98, 0.97, 0.5]), np.array([True, True, False, True])
    nameable = np.array([False, True, True, False])
    found = at_threshold(confidence, right, nameable, 0.9)
    assert found is not None
    assert found.precision is not None
    assert (found.coverage.value, found.precision.value) == (0.5, 0.5)
    curve = abstention_curve(confidence, right, nameable)
    assert [(one.threshold, one.coverage, one.precision) for one in curve] == [
        (0.98, 0.25, 1),
        (0.97, 0.5, 0.5),
    ]
    assert abstention_curve(confidence, right, ~ALL[:4]) == ()


def test_without_a_threshold_there_is_nothing_above_it() -> None:
    assert at_threshold(np.array([0.9]), np.array([True]), ALL[:1], None) is None
    found = at_threshold(np.array([0.9]), np.array([True]), ALL[:1], 0.95)
    assert found is not None
    assert found.precision is None


def test_equal_confidences_are_answered_together_or_not_at_all() -> None:
    curve = abstention_curve(np.array([0.9, 0.5, 0.5, 0.1]), np.array([True, True, False, False]), ALL[:4])
    assert [(one.threshold, one.coverage) for one in curve] == [(0.9, 0.25), (0.5, 0.75), (0.1, 1.0)]
    assert curve[1].precision == pytest.approx(2 / 3)


@given(
    of_numpy.arrays(np.float64, st.integers(1, 300), elements=st.floats(0, 1)),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=50)
def test_a_curve_ends_with_every_case_and_its_accuracy(confidence: np.ndarray, seed: int) -> None:
    right = np.random.default_rng(seed).random(len(confidence)) < 0.5
    curve = abstention_curve(confidence, right, ALL[: len(right)])
    assert len(curve) <= 100
    assert curve[-1].coverage == 1
    assert curve[-1].precision == pytest.approx(right.mean())
    coverages = [one.coverage for one in curve]
    assert coverages == sorted(set(coverages))
