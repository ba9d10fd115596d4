"""Advice states its effect, and is not given where it has none."""

from uuid import uuid4

from analysis_svc.domain.insights.advice import (
    MOST_TEXT,
    AdviceKind,
    CoverageGroup,
    coverage_gaps,
    thresholds,
)
from analysis_svc.domain.insights.feedback import Feedback, Word
from tests.unit.analysis_svc.insights.test_quality import word


def group(
    failed: tuple[str, ...], analyses: int, *, undetermined: bool = False, left_open: bool = False
) -> CoverageGroup:
    looked = tuple(name for name in ("a", "b") if name not in failed)
    return CoverageGroup(looked, failed, undetermined, analyses, (uuid4(),), left_open)


def said(*, wrong_under: float, words: int = 80) -> list[Feedback]:
    """Words on findings of evenly spread confidence, of which those under a bound are false alarms."""
    return [
        word(
            Word.FALSE_POSITIVE if 0.5 + (n * 37 % words) / words / 2 < wrong_under else Word.CONFIRMED,
            confidence=0.5 + (n * 37 % words) / words / 2,
            later=n,
        )
        for n in range(words)
    ]


def test_failing_detector_is_named_with_what_its_repair_would_determine() -> None:
    groups = [group((), 60), group(("a",), 30, undetermined=True), group(("a", "b"), 10, undetermined=True)]
    (gap,) = coverage_gaps(groups)
    assert (gap.kind, gap.subject) == (AdviceKind.COVERAGE_GAP, "a")
    assert "in 40 of 100" in gap.reason
    assert (gap.effect.before, gap.effect.after) == (0.4, 0.1), "ten more miss the other detector too"
    assert gap.evidence


def test_gap_whose_repair_would_determine_nothing_is_not_advised_on() -> None:
    assert list(coverage_gaps([group((), 60), group(("a",), 40)])) == [], "what was found is judged anyway"
    assert list(coverage_gaps([group((), 60), group(("a", "b"), 40, undetermined=True)])) == []


def test_what_a_finding_leaves_open_is_not_cured_by_repairing_a_detector() -> None:
    still = group(("a",), 30, undetermined=True, left_open=True)
    assert list(coverage_gaps([group((), 60), still])) == []
    (gap,) = coverage_gaps([group((), 60), still, group(("a",), 10, undetermined=True)])
    assert (gap.effect.before, gap.effect.after) == (0.4, 0.3)


def test_rare_failure_is_no_gap() -> None:
    assert list(coverage_gaps([group((), 96), group(("a",), 4)])) == []
    assert list(coverage_gaps([group(("a",), 5)])) == [], "too few to say"


def test_threshold_is_chosen_on_earlier_words_and_evaluated_on_later_ones() -> None:
    (advised,) = thresholds(said(wrong_under=0.7))
    assert advised.threshold is not None
    assert 0.65 <= advised.threshold <= 0.72
    assert advised.effect.measure == "precision"
    assert advised.effect.before < 0.7
    assert advised.effect.after > 0.85
    assert advised.effect.n == 40, "the later half alone"
    assert advised.effect.cost < 0.1
    assert advised.evidence


def test_what_no_longer_holds_later_is_not_advised() -> None:
    earlier = said(wrong_under=0.7, words=60)
    later = [word(Word.CONFIRMED, confidence=0.55, later=100 + n) for n in range(60)]
    assert list(thresholds([*earlier, *later])) == []


def test_few_words_or_good_ones_give_no_advice() -> None:
    assert list(thresholds(said(wrong_under=0.7, words=39))) == []
    assert list(thresholds(said(wrong_under=0.0))) == []


def test_sentences_keep_to_their_length_whatever_the_names() -> None:
    name = "x" * 128
    many = [CoverageGroup((), (name,), True, 10**9, ())]  # noqa: FBT003 - a record
    for advised in [*coverage_gaps(many), *thresholds(said(wrong_under=0.7))]:
        assert 0 < len(advised.reason) <= MOST_TEXT
        assert 0 < len(advised.remediation) <= MOST_TEXT
