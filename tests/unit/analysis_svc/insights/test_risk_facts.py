"""Figures of many analyses keep what is small in them."""

from types import SimpleNamespace

from analysis_svc.adapters.insights.risk_facts import _of
from analysis_svc.domain.models import Level
from analysis_svc.domain.score_risk import LEAST_POINTS


def figures(high: float, undetermined: int = 0) -> SimpleNamespace:
    levels = {f"level_{level.value}": 0 for level in Level} | {"level_undetermined": undetermined}
    means = {"score": 0.0, "low": 0.0, "high": high, "mean": 0.0, "worst": 0.0}
    return SimpleNamespace(analyses=140_000, not_fully_looked=1, **means, **levels)


def test_one_failed_detector_among_very_many_rules_none_out() -> None:
    seen = _of(figures(33.33 / 7_000, 1))  # type: ignore[arg-type]  # has what is read of a row
    assert (seen.high, seen.level) == (LEAST_POINTS, Level.UNDETERMINED)
    assert _of(figures(0.0)).level is Level.NONE  # type: ignore[arg-type]


def test_what_those_who_looked_may_have_missed_leaves_the_level_alone() -> None:
    assert _of(figures(50.0)).level is Level.NONE  # type: ignore[arg-type]
