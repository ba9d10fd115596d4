"""What the overview says of those who had to look."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Select

from analysis_svc.adapters import dashboard_queries as queries
from analysis_svc.domain.catalogue import SAFE
from analysis_svc.domain.dashboard_views import DetectorRuns, Overview, Stretch
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


def overview(*, not_fully_looked: int = 0, succeeded: int = 10, left_open: int = 0) -> Overview:
    return Overview(
        analyses=10,
        levels=(),
        not_fully_looked=not_fully_looked,
        findings=10,
        left_open=left_open,
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


def test_what_is_open_is_shown_beside_the_findings_and_not_among_them() -> None:
    assert ">3 left open</a>" in shown(overview(left_open=3))


@pytest.mark.parametrize("query", [queries.count_labels, queries.labels_seen])
def test_word_that_all_is_well_is_not_counted_as_a_finding(query: Callable[[Stretch], Select[Any]]) -> None:
    asked = query(Stretch(NOW - timedelta(days=1), NOW, timedelta(hours=1))).compile()
    assert "findings.label != " in str(asked)
    assert SAFE in asked.params.values()
