from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mapper_svc.domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN
from pipelines.lib.evaluation.answers import ABSTAINED, Answers, Gold
from pipelines.lib.evaluation.case import Case
from pipelines.lib.evaluation.figure import resampled, share_of
from pipelines.lib.evaluation.macro_f1 import macro_f1
from pipelines.lib.evaluation.tier_scores import group_scores, tier_scores

LABELS = ("a", "b", "c")


def gold_of(*labels: str, also: tuple[str, ...] = ()) -> Gold:
    accepted = np.array([[label in {one, *also} for label in LABELS] for one in labels])
    return Gold(LABELS, np.array([LABELS.index(one) for one in labels]), accepted)


def said(*labels: str | None) -> Answers:
    return Answers.of_labels(labels, LABELS)


def test_macro_f1_is_that_of_the_definition() -> None:
    # a: TP 2, FN 1; b: TP 1, FP 1; c: never right, FN 1, FP 1.
    figure = macro_f1(said("a", "a", "b", "b", "c"), gold_of("a", "a", "a", "b", "b"))
    assert figure is not None
    f1_a, f1_b, f1_c = 4 / 5, 2 / (2 + 1 + 1), 0.0
    assert figure.value == pytest.approx((f1_a + f1_b + f1_c) / 3)


def test_macro_f1_is_one_when_all_is_right_and_its_interval_has_no_width() -> None:
    figure = macro_f1(said("a", "b", "c"), gold_of("a", "b", "c"))
    assert figure is not None
    assert (figure.low, figure.value, figure.high) == (1, 1, 1)


def test_an_abstention_is_missed_but_mistakes_nothing() -> None:
    figure = macro_f1(said("a", None), gold_of("a", "b"))
    assert figure is not None
    assert figure.value == pytest.approx(0.5)


def test_another_accepted_label_counts_as_the_gold_one() -> None:
    gold = gold_of("a", "a", also=("b",))
    assert said("b", "c").right(gold).tolist() == [True, False]
    figure = macro_f1(said("b", "a"), gold)
    assert figure is not None
    assert figure.value == 1


def test_the_same_cases_give_the_same_interval() -> None:
    answers, gold = said("a", "b", "c", "a"), gold_of("a", "b", "b", "c")
    assert macro_f1(answers, gold) == macro_f1(answers, gold)


def test_an_interval_of_resampling_is_that_of_a_mean() -> None:
    values = np.random.default_rng(1).random(400)
    figure = resampled(400, lambda weights: weights @ values / weights.sum(axis=1))
    standard_error = values.std() / 20
    assert figure.high - figure.value == pytest.approx(1.96 * standard_error, rel=0.06)


@given(st.lists(st.booleans(), max_size=60))
@settings(max_examples=60)
def test_a_share_lies_in_its_interval(counts: list[bool]) -> None:
    figure = share_of(np.array(counts, dtype=np.bool_))
    assert (figure is None) == (not counts)
    if figure is not None:
        assert 0 <= figure.low <= figure.value + 1e-12
        assert figure.value <= figure.high + 1e-12
        assert figure.high <= 1


def test_micro_and_macro_by_vendor_differ_when_one_vendor_is_large(case: Callable[..., Case]) -> None:
    cases = [case("a", vendor="large")] * 8 + [case("a", vendor="small")] * 2
    (score,) = tier_scores(cases, {"model": said(*"aaaaaaaa", "b", "b")}, LABELS)
    assert score.accuracy.value == pytest.approx(0.8)
    assert score.by_vendor.value == pytest.approx(0.5)
    assert score.by_vendor.high - score.by_vendor.low > score.accuracy.high - score.accuracy.low


def test_a_tier_that_answers_seldom_has_a_coverage_and_a_precision(case: Callable[..., Case]) -> None:
    (score,) = tier_scores([case("a")] * 4, {"rule": said("a", None, None, None)}, LABELS)
    assert score.coverage.value == pytest.approx(0.25)
    assert score.precision is not None
    assert score.precision.value == 1
    assert score.accuracy.value == pytest.approx(0.25)
    (silent,) = tier_scores([case("a")], {"rule": said(None)}, LABELS)
    assert silent.precision is None


def test_groups_stand_in_the_order_of_their_titles_and_others_last() -> None:
    right = np.array([True, False, True, True])
    scores = group_scores(
        right, ["PII", "zz", "SECRET", "PII"], {"SECRET": "Secrets", "PII": "Personal data"}
    )
    assert [(one.name, one.title, one.accuracy.value) for one in scores] == [
        ("SECRET", "Secrets", 1.0),
        ("PII", "Personal data", 1.0),
        ("zz", "zz", 0.0),
    ]


def test_only_answers_at_or_above_the_threshold_are_given() -> None:
    answers = Answers(np.array([0, 1, 2]), np.array([0.9, 0.8999, 1.0]))
    assert answers.above(0.9, ["a", "b", "c"]).places.tolist() == [0, ABSTAINED, 2]
    assert not answers.above(None, ["a", "b", "c"]).given.any()


def test_what_only_rules_may_say_is_not_given_however_sure() -> None:
    labels = ["PII.Contact.Email", SAFE, UNKNOWN, MODEL_ERROR]
    answers = Answers(np.array([0, 1, 2, 3, ABSTAINED]), np.full(5, 1.0))
    assert answers.above(0.9, labels).places.tolist() == [0, *[ABSTAINED] * 4]
    assert answers.nameable(labels).tolist() == [True, False, False, False, False]


def test_a_tier_speaks_only_where_those_before_it_are_silent() -> None:
    assert said("a", None, None).or_else(said("b", "b", None)).places.tolist() == [0, 1, ABSTAINED]
