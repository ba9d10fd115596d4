"""What a report says, before it is a file."""

from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from analysis_svc.domain.models import EvidenceState
from analysis_svc.domain.reports import charts, sections
from analysis_svc.domain.reports.compose_document import compose_document
from analysis_svc.domain.reports.content import DetectorFacts, IncidentTotals, ReportContent
from analysis_svc.domain.reports.document import Chart, Document, Notice, Table, Tiles, Tone
from analysis_svc.domain.reports.report import Audience
from tests.unit.analysis_svc.reports.facts import START, content, control, nothing

BAD, GOOD, OPEN = EvidenceState.VIOLATED, EvidenceState.SATISFIED, EvidenceState.INSUFFICIENT


def written(what: ReportContent, audience: Audience = Audience.AUDITOR) -> Document:
    return compose_document(what, audience, digest="ab" * 32, signature=None)


@pytest.mark.parametrize(
    ("controls", "tone"),
    [((GOOD, GOOD), Tone.GOOD), ((GOOD, OPEN), Tone.OPEN), ((GOOD, BAD, OPEN), Tone.BAD)],
)
def test_verdict_is_good_only_when_every_control_is_satisfied(
    controls: tuple[EvidenceState, ...], tone: Tone
) -> None:
    assert sections.verdict(content(*(control(state) for state in controls))).tone is tone


def test_period_without_analyses_is_never_called_clean() -> None:
    said = sections.verdict(nothing())
    assert said.tone is Tone.OPEN
    assert "no statement about compliance" in said.text
    for audience in Audience:
        document = written(nothing(), audience)
        assert not [
            block for block in document.blocks if isinstance(block, Notice) and block.tone is Tone.GOOD
        ]
        tiles = next(block for block in document.blocks if isinstance(block, Tiles)).tiles
        assert [tile.value for tile in tiles if tile.label == "Risk score"] == ["-"], "not 0"


def test_share_is_never_rounded_up_to_all_or_down_to_none() -> None:
    assert charts.percent(1.0) == "100 %"
    assert charts.percent(0.9999) == "over 99.9 %"
    assert charts.percent(0.00001) == "under 0.1 %"
    assert charts.percent(None) == "not known"


def test_chart_of_detectors_and_its_words_say_the_same_share() -> None:
    asked, unasked = DetectorFacts("d", 10, 7, {"timeout": 3}), DetectorFacts("e", 0, 0, {"timeout": 1})
    what = content(control(BAD))
    what = replace(what, stored=replace(what.stored, detectors=(asked, unasked)))
    chart = next(block for block in sections.detectors(what) if isinstance(block, Chart))
    assert "d 70 %; e not known" in str(chart)
    assert "70 %" in chart.svg
    assert "not known" in chart.svg
    assert max(float(one.get("width", "0")) for one in ET.fromstring(chart.svg)) <= 720  # noqa: S314 - our own


def test_incidents_that_were_not_grouped_are_not_told_as_none() -> None:
    what = replace(content(control(GOOD)), incidents=(), incident_totals=IncidentTotals(0, 0, 0, None, None))
    assert "No incident was opened in this period." in str(written(what).blocks)
    left = IncidentTotals(0, 0, 0, None, None, 1_200, START, START + timedelta(hours=14))
    for audience in Audience:
        told = str(written(replace(what, incident_totals=left), audience).blocks)
        assert "No incident was opened" not in told
        assert (
            "1,200 analyses of level high or critical, from 1 Oct 2026, 00:00 UTC to 1 Oct 2026, 14" in told
        )


def test_every_reader_learns_of_an_open_incident_and_of_what_nobody_saw() -> None:
    for audience in Audience:
        document = written(content(control(BAD), control(OPEN, "CC7.2", "No evidence.")), audience)
        text = str(document.blocks)
        assert "'open'" in text
        assert "not known" in text or "No evidence." in text
        assert "290" in text


def test_one_gap_of_many_controls_is_told_once_and_after_that_of_few() -> None:
    many = [control(OPEN, f"A.7.{number}", "No rule is declared.") for number in range(1, 15)]
    one = control(OPEN, "A.8.16", "Nobody looked for 80 hours.", "Too few looked.")
    table = next(block for block in sections.gaps([*many, one]) if isinstance(block, Table))
    assert [row[1].text for row in table.rows] == [" ".join(one.gaps), "No rule is declared."]
    assert [row[0].text.split(", ") for row in table.rows] == [["A.8.16"], [each.control for each in many]]


def test_charts_are_sound_svg_and_say_in_words_what_they_show() -> None:
    for what in (content(), nothing()):
        for block in written(what, Audience.TECHNICAL).blocks:
            if isinstance(block, Chart):
                ET.fromstring(block.svg)  # noqa: S314 - our own
                assert block.alternative
                assert "nan" not in block.svg


def test_day_without_an_analysis_breaks_the_line_of_risk() -> None:
    drawn = charts.risk_over_time(content().points, "day")
    assert drawn.count("<polyline") == 2
    assert charts.risk_over_time(nothing().points, "day").count("<polyline") == 0


def test_long_lists_say_how_much_they_leave_out() -> None:
    one = content().incidents[0]
    many = replace(content(), incidents=(one,) * 30)
    tables = [block for block in written(many, Audience.EXECUTIVE).blocks if isinstance(block, Table)]
    assert any("25 more are not shown" in table.caption for table in tables)
