"""Quality figures say what they can and no more."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.domain.insights.feedback import Feedback, GivenFeedback, Review, Word
from analysis_svc.domain.insights.quality import FindingCounts, figures_of, last_words, rate_of
from analysis_svc.domain.insights.quality_alerts import alerts_of

NOW = datetime(2026, 11, 3, tzinfo=UTC)
NOTHING = FindingCounts({}, {}, {})


def word(
    said: Word,
    *,
    confidence: float = 0.9,
    by: str = "a",
    evidence: UUID | None = None,
    accepted: bool | None = None,
    later: int = 0,
    detector: str = "guard",
) -> Feedback:
    return Feedback(
        id=uuid4(),
        given=GivenFeedback(evidence or uuid4(), "f1", said),
        label="A",
        detector=detector,
        tier="model",
        score=1.0,
        confidence=confidence,
        analysed_at=NOW,
        given_at=NOW + timedelta(minutes=later),
        given_by=by,
        review=None if accepted is None else Review(accepted, NOW, "b"),
    )


def counts(labels: dict[str, int], tiers: dict[str, int] | None = None) -> FindingCounts:
    return FindingCounts(labels, {9: sum(labels.values())}, tiers or {})


def test_too_little_is_none_and_raises_no_alert() -> None:
    figures = figures_of(counts({"A": 199}), NOTHING, [word(Word.FALSE_POSITIVE)] * 19)
    assert figures.agreement is None
    assert figures.calibration is None
    assert figures.label_drift is None
    assert figures.readable is None
    assert alerts_of(figures) == ()


def test_agreement_counts_the_last_word_of_each_person_and_nothing_rejected() -> None:
    same = uuid4()
    words = [
        word(Word.CONFIRMED, evidence=same),
        word(Word.FALSE_POSITIVE, evidence=same, later=1),
        word(Word.CONFIRMED, evidence=same, by="other"),
        word(Word.FALSE_POSITIVE, accepted=False),
    ]
    assert sorted(one.given.word for one in last_words(words)) == [Word.CONFIRMED, Word.FALSE_POSITIVE]


def test_calibration_error_is_the_distance_between_confidence_and_truth() -> None:
    sure = [word(Word.CONFIRMED, confidence=0.95) for _ in range(30)]
    sure += [word(Word.FALSE_POSITIVE, confidence=0.95) for _ in range(30)]
    figures = figures_of(NOTHING, NOTHING, sure)
    assert figures.calibration is not None
    assert figures.calibration.ece == pytest.approx(0.45)
    alerts = {(alert.figure, alert.subject) for alert in alerts_of(figures)}
    assert alerts >= {("calibration", ""), ("agreement", ""), ("agreement_by_detector", "guard")}


def test_same_distribution_does_not_drift_and_another_does() -> None:
    before = counts({"A": 500, "B": 500})
    still = figures_of(counts({"A": 490, "B": 510}), before, []).label_drift
    assert still is not None
    assert still.psi <= still.by_chance
    figures = figures_of(counts({"A": 100, "C": 900}), before, [])
    assert figures.label_drift is not None
    assert figures.label_drift.psi > 1
    assert 0.5 < figures.label_drift.js <= 1
    assert [alert.figure for alert in alerts_of(figures)] == ["label_drift"]


def test_fallback_is_a_share_of_findings_that_name_their_tier() -> None:
    figures = figures_of(counts({"A": 1000}, {"": 600, "fallback": 100, "rule": 300}), NOTHING, [])
    assert figures.fallback is not None
    assert (figures.fallback.value, figures.fallback.n) == (0.25, 400)
    assert [alert.figure for alert in alerts_of(figures)] == ["fallback"]


def test_output_that_cannot_be_read_is_a_critical_alert() -> None:
    figures = figures_of(counts({"A": 900, "OTHER.ModelError": 100}), NOTHING, [])
    (alert,) = alerts_of(figures)
    assert (alert.figure, alert.severity) == ("readable", "critical")


@given(st.integers(1, 10_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_interval_holds_its_share(pair: tuple[int, int]) -> None:
    rate = rate_of(*pair)
    assert 0 <= rate.low <= rate.value + 1e-12
    assert rate.value - 1e-12 <= rate.high <= 1
