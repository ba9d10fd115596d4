"""Engines add and do no harm; a model's word is used as a table that never falls, and the answer says so."""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.adapters.engine_host import EngineHost
from analysis_svc.adapters.model_tables import ask_models
from analysis_svc.adapters.plugin_points import InstalledPlugin, installed_plugins
from analysis_svc.adapters.plugins.detector_disagreement import DetectorDisagreement
from analysis_svc.adapters.plugins.severity_calibrator import VARIABLE, SeverityCalibrator
from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.catalogue import Catalogue, Priority
from analysis_svc.domain.models import Analysis, AnalysisRequest, Finding
from analysis_svc.domain.plugins import (
    Capabilities,
    EnginePattern,
    EngineRequest,
    EngineResult,
)
from analysis_svc.domain.severity_calibration import GRID, SeverityCalibration

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
LABEL = "HARM.SPEECH.Toxicity"
REQUEST = AnalysisRequest(
    (
        Finding("f1", LABEL, 0.9, 0.9, detector="one"),
        Finding("f2", LABEL, 0.2, 0.9, detector="two"),
        Finding("f3", "PII.Contact.Email", 0.9, 0.9, detector="two"),
    )
)
PATTERN = EnginePattern("x", "Title", "Statement.", Priority.LOW, ("f1",))


class Counted:
    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def plugin_call(self, plugin: str, outcome: str) -> None:
        self.calls.append((plugin, outcome))


class Engine:
    def __init__(self, answer: Callable[[EngineRequest], Any], labels: frozenset[str] = frozenset()) -> None:
        self._answer, self._labels = answer, labels

    def capabilities(self) -> Capabilities:
        return Capabilities("1", "An engine of a test", self._labels)

    def analyze(self, request: EngineRequest) -> Any:
        return self._answer(request)


class Model:
    def __init__(self, severity: Callable[[float], Any], covered: Any = (("one", LABEL),)) -> None:
        self._severity, self._covered = severity, covered

    def capabilities(self) -> Capabilities:
        return Capabilities("7", "A model of a test")

    def covers(self) -> Sequence[tuple[str, str]]:
        return self._covered  # type: ignore[no-any-return]

    def severity(self, detector: str, label: str, score: float) -> float:  # noqa: ARG002 - the port's shape
        return self._severity(score)  # type: ignore[no-any-return]


def engine(name: str, plugin: Any) -> InstalledPlugin:
    return InstalledPlugin("engine", name, "tests 1", plugin, plugin.capabilities())


def model(plugin: Any, name: str = "known") -> InstalledPlugin:
    return InstalledPlugin("model", name, "tests 1", plugin, plugin.capabilities())


def host(
    catalogue: Catalogue, *installed: InstalledPlugin, limit_s: float = 1.0
) -> tuple[EngineHost, Counted]:
    counted = Counted()
    return EngineHost(installed, catalogue.taxonomy, counted, limit_s=limit_s), counted


async def run(engines: EngineHost, catalogue: Catalogue) -> Any:
    (found,) = await engines.run([(REQUEST, analyze(REQUEST, catalogue=catalogue, now=NOW))])
    return found


def stop(_: EngineRequest) -> None:
    raise SystemExit


def hang(_: EngineRequest) -> None:
    time.sleep(0.5)


async def test_an_engines_patterns_carry_its_name_and_the_labels_of_their_findings(
    catalogue: Catalogue,
) -> None:
    engines, counted = host(catalogue, engine("mine", Engine(lambda _: EngineResult((PATTERN,)))))
    (pattern,) = (await run(engines, catalogue)).patterns
    assert (pattern.id, pattern.labels, pattern.findings) == ("mine/x", (LABEL,), ("f1",))
    assert counted.calls == [("mine", "ok")]


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (stop, "failed"),
        (lambda _: 1 / 0, "failed"),
        (hang, "timeout"),
        (lambda _: None, "bad_answer"),
        (lambda _: EngineResult((PATTERN,) * 21), "bad_answer"),
        (lambda _: EngineResult((replace(PATTERN, findings=("f9",)),)), "bad_answer"),
        (lambda _: EngineResult((replace(PATTERN, findings=()),)), "bad_answer"),
        (lambda _: EngineResult((replace(PATTERN, findings=([],)),)), "bad_answer"),  # type: ignore[arg-type]
        (lambda _: EngineResult((replace(PATTERN, statement="x" * 301),)), "bad_answer"),
        (lambda _: EngineResult((replace(PATTERN, title="two\nlines"),)), "bad_answer"),
        (lambda _: EngineResult((replace(PATTERN, id="../x"),)), "bad_answer"),
        (lambda _: EngineResult((replace(PATTERN, priority="low"),)), "bad_answer"),  # type: ignore[arg-type]
    ],
)
async def test_an_engine_that_fails_is_named_and_takes_nothing_from_the_others(
    catalogue: Catalogue, answer: Callable[[EngineRequest], Any], fault: str
) -> None:
    engines, counted = host(
        catalogue,
        engine("bad", Engine(answer)),
        engine("good", Engine(lambda _: EngineResult((PATTERN,)))),
        limit_s=0.2,
    )
    found = await run(engines, catalogue)
    assert found.failed == {"bad": fault}
    assert [pattern.id for pattern in found.patterns] == ["good/x"]
    assert counted.calls == [("bad", fault), ("good", "ok")]


async def test_an_engine_is_not_asked_about_labels_that_it_does_not_want(catalogue: Catalogue) -> None:
    engines, counted = host(catalogue, engine("picky", Engine(stop, frozenset({"SECRET.ApiKey"}))))
    assert (await run(engines, catalogue)).failed == {}
    assert counted.calls == []


async def test_detectors_that_disagree_are_named_with_their_findings(catalogue: Catalogue) -> None:
    engines, _ = host(catalogue, engine("detector_disagreement", DetectorDisagreement()))
    (pattern,) = (await run(engines, catalogue)).patterns
    assert pattern.findings == ("f1", "f2")
    assert "0.90" in pattern.statement
    assert "0.20" in pattern.statement


def test_the_shipped_plugins_are_usable() -> None:
    found = {(one.kind, one.name): one.why for one in installed_plugins()}
    assert found == {("engine", "detector_disagreement"): "", ("model", "severity_calibrator"): ""}


def scored(catalogue: Catalogue, plugin: Any, *findings: Finding) -> Analysis:
    calibration, _ = ask_models([model(plugin)], catalogue.taxonomy)
    known = replace(catalogue, taxonomy=replace(catalogue.taxonomy, calibration=calibration))
    return analyze(AnalysisRequest(findings), catalogue=known, now=NOW)


def test_a_models_word_makes_the_score_and_the_answer_says_so(catalogue: Catalogue) -> None:
    answer = scored(catalogue, Model(lambda _: 0.9), Finding("f", LABEL, 0.4, 1.0, detector="one"))
    assert answer.risk.score == 90.0
    assert answer.risk.calibration is not None
    assert (answer.risk.calibration.model, answer.risk.calibration.version) == ("known", "7")
    assert answer.risk.calibration.labels == (LABEL,)


def test_where_a_model_has_no_word_the_formula_holds_and_the_answer_says_nothing(
    catalogue: Catalogue,
) -> None:
    finding = Finding("f", LABEL, 0.4, 1.0, detector="another")
    assert (
        scored(catalogue, Model(lambda _: 0.9), finding).risk
        == analyze(AnalysisRequest((finding,)), catalogue=catalogue, now=NOW).risk
    )


@given(
    values=st.lists(st.floats(0, 1), min_size=len(GRID), max_size=len(GRID)),
    scores=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_whatever_a_model_says_a_worse_finding_never_lowers_the_score(
    catalogue: Catalogue, values: list[float], scores: tuple[float, float]
) -> None:
    said = dict(zip(GRID, values, strict=True))
    low, high = (
        scored(
            catalogue,
            Model(lambda score: said[score]),
            Finding("f", LABEL, score, 0.9, detector="one"),
            Finding("g", "PII.Contact.Email", 0.5, 0.9),
        ).risk
        for score in sorted(scores)
    )
    assert low.score <= high.score
    assert low.interval.high <= high.interval.high
    assert low.interval.low <= low.score <= low.interval.high


@pytest.mark.parametrize(
    ("plugin", "why"),
    [
        (Model(lambda _: 1.1), "it answers something else than numbers from 0 to 1"),
        (Model(lambda _: float("nan")), "it answers something else than numbers from 0 to 1"),
        (Model(lambda _: "high"), "it answers something else than numbers from 0 to 1"),
        (Model(lambda _: 1 / 0), "it fails: ZeroDivisionError"),
        (Model(lambda _: 0.5, (("one", "OTHER.Safe"),)), "it covers a label that it may not"),
        (Model(lambda _: 0.5, (("one", "NO.Such"),)), "it covers a label that it may not"),
        (Model(lambda _: 0.5, 7), "what it covers is no list of at most 2000 pairs"),
        (Model(lambda _: time.sleep(1)), "it did not answer within 0.05 seconds"),
    ],
)
def test_a_model_that_cannot_be_used_leaves_the_formula_alone(
    catalogue: Catalogue, plugin: Model, why: str
) -> None:
    calibration, (checked,) = ask_models([model(plugin)], catalogue.taxonomy, limit_s=0.05)
    assert calibration is None
    assert (checked.plugin, checked.why) == (None, why)


def test_one_model_is_used_and_the_other_told(catalogue: Catalogue) -> None:
    both = [model(Model(lambda _: 0.5), "a"), model(Model(lambda _: 0.6), "b")]
    calibration, checked = ask_models(both, catalogue.taxonomy)
    assert calibration is not None
    assert calibration.model == "a"
    assert [one.why for one in checked] == ["", "another model, a, is in use"]


def test_a_table_is_straight_between_two_scores_and_ends_at_both_ends() -> None:
    table = SeverityCalibration("m", "1", {("d", "L"): GRID})
    for score in (0.0, 0.01, 0.525, 0.999, 1.0):
        assert table.severity("d", "L", score) == pytest.approx(score)


def test_the_shipped_model_says_what_was_released_and_nothing_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, catalogue: Catalogue
) -> None:
    assert SeverityCalibrator().covers() == []
    table = {
        "detector": "one",
        "label": LABEL,
        "values": list(GRID),
        "rows": 50,
        "error_of_formula": 0.2,
        "error": 0.1,
    }
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps({"version": "3", "grid": list(GRID), "tables": [table]}))
    monkeypatch.setenv(VARIABLE, str(path))
    answer = scored(catalogue, SeverityCalibrator(), Finding("f", LABEL, 0.4, 1.0, detector="one"))
    assert answer.risk.score == 40.0
    path.write_text(json.dumps({"version": "3", "grid": [0, 1], "tables": []}))
    with pytest.raises(ValueError, match="another grid"):
        SeverityCalibrator()
