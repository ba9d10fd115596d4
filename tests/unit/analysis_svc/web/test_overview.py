"""What the overview says of those who had to look."""

from datetime import UTC, datetime

import pytest

from analysis_svc.domain.dashboard_views import DetectorRuns, Overview
from analysis_svc.web.evidence_pages import LEVELS
from analysis_svc.web.html import render
from analysis_svc.web.stretches import OWN, PERIODS, USUAL, chosen_stretch

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
ALL_LOOKED = "everything that had to look did<"


def shown(seen: Overview, **counts: int) -> str:
    chosen = chosen_stretch(NOW, period=USUAL, since=None, until=None, application=None)
    context = {
        "theme": "auto",
        "themes": (),
        "visitor": None,
        "chosen": chosen,
        "periods": [(name, title) for name, (title, *_) in PERIODS.items()],
        "own_period": OWN,
        "applications": [],
        "seen": seen,
        "levels": [],
        "counts": dict.fromkeys(LEVELS, 0) | counts,
        "silent": [one for one in seen.detectors if one.succeeded < one.expected],
        "columns": [],
        "titles": {},
        "controls": {},
    }
    return str(render("overview.html", context).content)


def overview(*, not_fully_looked: int = 0, succeeded: int = 10) -> Overview:
    return Overview(
        analyses=10,
        levels=(),
        not_fully_looked=not_fully_looked,
        findings=10,
        detectors=(DetectorRuns("secrets", 10, succeeded),),
        controls=(),
        labels=(),
        severe=(),
        newest=NOW,
    )


def test_low_analyses_that_a_detector_missed_are_not_said_to_be_fully_looked_at() -> None:
    text = shown(overview(not_fully_looked=4, succeeded=6), low=10)
    assert ALL_LOOKED not in text
    assert "but in 4 of all, something that had to look did not" in text


@pytest.mark.parametrize(
    ("counts", "sentence"), [({"low": 10}, ALL_LOOKED), ({"undetermined": 10}, "or left something open")]
)
def test_looking_and_judging_are_told_apart(counts: dict[str, int], sentence: str) -> None:
    assert sentence in shown(overview(), **counts)
