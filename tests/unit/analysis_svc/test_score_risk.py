import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.taxonomy_files import load_taxonomy
from analysis_svc.domain.catalogue import Label, Taxonomy
from analysis_svc.domain.detector_coverage import measure_coverage
from analysis_svc.domain.detector_figures import DetectorFigures, FiguresByDetector
from analysis_svc.domain.models import (
    Analysis,
    AnalysisRequest,
    Context,
    DetectorFailure,
    Finding,
    Level,
    Risk,
)
from analysis_svc.domain.score_risk import combine, score_risk

TAXONOMY = load_taxonomy(SHIPPED / "taxonomy" / "2026.11.yaml")
DETECTORS = ("a", "b", "c", "d")
ALL_RAN = Context(detectors_required=("a",), detectors_succeeded=("a",))

PERFECT = {name: DetectorFigures(1.0, 0.0, "made up") for name in DETECTORS}
"""Detectors that miss nothing and make nothing up: what they find is all there is."""

unit = st.floats(0, 1)
detector = st.sampled_from(DETECTORS)


@st.composite
def finding_lists(draw: st.DrawFn, max_size: int = 12) -> tuple[Finding, ...]:
    labels = draw(st.lists(st.sampled_from(sorted(TAXONOMY.labels)), max_size=max_size))
    return tuple(
        Finding(
            f"f{index}",
            label,
            draw(unit),
            draw(unit),
            draw(st.none() | detector),
            occurrences=draw(st.integers(1, 50)),
        )
        for index, label in enumerate(labels)
    )


contexts = st.builds(
    Context,
    detectors_required=st.lists(detector).map(tuple),
    detectors_succeeded=st.lists(detector).map(tuple),
    detectors_failed=st.lists(st.builds(DetectorFailure, detector, st.just("timeout"))).map(tuple),
    coverage=st.none() | unit,
)
some_findings = finding_lists().filter(bool)


def risk_of(
    findings: tuple[Finding, ...],
    context: Context = ALL_RAN,
    taxonomy: Taxonomy = TAXONOMY,
    figures: FiguresByDetector = PERFECT,
) -> Risk:
    return score_risk(findings, measure_coverage(AnalysisRequest(findings, context)), taxonomy, figures)


def changed(finding: Finding, field: str, value: float) -> Finding:
    changes: dict[str, Any] = {field: value}
    return dataclasses.replace(finding, **changes)


measured = st.dictionaries(detector, st.builds(DetectorFigures, unit, unit, st.just("made up")))


def assert_not_lower(after: Risk, before: Risk) -> None:
    assert after.score >= before.score
    assert after.interval.low >= before.interval.low
    assert after.interval.high >= before.interval.high


@given(finding_lists(), finding_lists(max_size=1), contexts, measured)
@settings(max_examples=200)
def test_adding_a_finding_never_lowers_score_or_interval(
    findings: tuple[Finding, ...], more: tuple[Finding, ...], context: Context, figures: FiguresByDetector
) -> None:
    extra = tuple(dataclasses.replace(finding, id="new") for finding in more)
    assert_not_lower(
        risk_of((*findings, *extra), context, figures=figures), risk_of(findings, context, figures=figures)
    )


@given(some_findings, contexts, st.data())
@settings(max_examples=200)
def test_raising_score_confidence_or_occurrences_never_lowers(
    findings: tuple[Finding, ...], context: Context, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, len(findings) - 1))
    old = findings[index]
    field = data.draw(st.sampled_from(["score", "confidence", "occurrences"]))
    value = data.draw(
        st.integers(old.occurrences, 1000) if field == "occurrences" else st.floats(getattr(old, field), 1)
    )
    raised = (*findings[:index], changed(old, field, value), *findings[index + 1 :])
    assert_not_lower(risk_of(raised, context), risk_of(findings, context))


@given(some_findings, contexts, st.data())
@settings(max_examples=200)
def test_raising_a_severity_never_lowers(
    findings: tuple[Finding, ...], context: Context, data: st.DataObject
) -> None:
    name = data.draw(st.sampled_from(sorted({finding.label for finding in findings})))
    old = TAXONOMY.labels[name]
    graver = Label(name, data.draw(st.floats(old.severity, 1)), old.title)
    taxonomy = Taxonomy(TAXONOMY.edition, {**TAXONOMY.labels, name: graver})
    assert_not_lower(risk_of(findings, context, taxonomy), risk_of(findings, context))


@given(finding_lists(), contexts, st.data())
def test_order_of_findings_does_not_matter(
    findings: tuple[Finding, ...], context: Context, data: st.DataObject
) -> None:
    shuffled = tuple(data.draw(st.permutations(findings)))
    assert risk_of(shuffled, context) == risk_of(findings, context)


@given(finding_lists(), contexts, measured)
def test_score_lies_in_its_interval_within_bounds(
    findings: tuple[Finding, ...], context: Context, figures: FiguresByDetector
) -> None:
    risk = risk_of(findings, context, figures=figures)
    assert 0 <= risk.interval.low <= risk.score <= risk.interval.high <= 100


@given(finding_lists(), contexts, detector, measured)
def test_failed_detector_never_changes_score_and_never_lowers_high(
    findings: tuple[Finding, ...], context: Context, name: str, figures: FiguresByDetector
) -> None:
    worse = dataclasses.replace(
        context, detectors_failed=(*context.detectors_failed, DetectorFailure(name, "failed"))
    )
    before, after = (risk_of(findings, one, figures=figures) for one in (context, worse))
    assert after.score == before.score
    assert after.interval.low == before.interval.low
    assert after.interval.high >= before.interval.high


@given(contexts, detector)
def test_failed_detector_is_never_reported_clean(context: Context, name: str) -> None:
    failed = dataclasses.replace(context, detectors_failed=(DetectorFailure(name, "timeout"),))
    assert risk_of((), failed).level is Level.UNDETERMINED


@given(finding_lists(), contexts)
def test_points_of_the_factors_add_up_to_the_score(findings: tuple[Finding, ...], context: Context) -> None:
    risk = risk_of(findings, context)
    points = sum(factor.points for factor in risk.contributing_factors)
    assert points == pytest.approx(risk.score, abs=0.01 * (len(findings) + 1))


@given(finding_lists(), contexts, measured)
def test_level_none_only_when_everybody_looked_and_nothing_is_open(
    findings: tuple[Finding, ...], context: Context, figures: FiguresByDetector
) -> None:
    risk = risk_of(findings, context)
    assert (risk.level is Level.NONE) == (risk.interval.high == 0)
    assert risk_of(findings, context, figures=figures).level is risk.level


@given(finding_lists(), contexts, measured, detector, st.data())
@settings(max_examples=200)
def test_worse_detector_never_narrows_the_interval(
    findings: tuple[Finding, ...],
    context: Context,
    figures: FiguresByDetector,
    name: str,
    data: st.DataObject,
) -> None:
    old = DetectorFigures(data.draw(unit), data.draw(unit), "made up")
    worse = DetectorFigures(
        data.draw(st.floats(0, old.recall)), data.draw(st.floats(old.false_positive_rate, 1)), "made up"
    )
    before, after = (risk_of(findings, context, figures={**figures, name: one}) for one in (old, worse))
    assert after.score == before.score
    assert after.interval.low <= before.interval.low
    assert after.interval.high >= before.interval.high


def test_what_a_measured_detector_may_have_missed_is_in_the_interval_and_told() -> None:
    figures = {"a": DetectorFigures(0.25, 0.0, "one measurement")}
    risk = risk_of((), figures=figures)
    assert (risk.score, risk.level) == (0.0, Level.NONE)
    assert risk.interval.high == 42.86  # 0.75 / (0.75 + 1)
    assert risk.interval_basis.may_have_missed == pytest.approx(3 / 7)
    assert risk.interval_basis.imagined == pytest.approx(3 / 7)
    (told,) = risk.interval_basis.detectors
    assert (told.recall, told.false_positive_rate, told.source) == (0.25, 0.0, "one measurement")


def test_detector_that_nobody_measured_is_taken_for_one_that_knows_nothing() -> None:
    risk = risk_of((Finding("f1", "PII.Contact.Email", 1.0, 1.0, "a"),), figures={})
    assert (risk.interval.low, risk.score, risk.interval.high) == (25.0, 50.0, 62.5)
    (told,) = risk.interval_basis.detectors
    assert (told.recall, told.false_positive_rate, told.source) == (None, None, None)
    assert (told.may_have_missed, told.right_when_it_speaks) == (0.5, 0.5)


def test_detectors_that_did_not_look_and_those_that_miss_add_up() -> None:
    context = Context(detectors_required=("a", "b"), detectors_succeeded=("a",))
    figures = {"a": DetectorFigures(0.5, 0.5, "as good as none"), "b": PERFECT["b"]}
    risk = risk_of((), context, figures=figures)
    assert risk.interval.high == 75.0  # half was not looked at, and of the other half one half
    assert risk.level is Level.UNDETERMINED


@given(st.lists(unit, max_size=40))
def test_combination_is_at_least_the_largest_and_at_most_the_plain_noisy_or(strengths: list[float]) -> None:
    clear = 1.0
    for strength in strengths:
        clear *= 1 - strength
    assert max(strengths, default=0.0) - 1e-12 <= combine(strengths) <= 1 - clear + 1e-12


def test_one_certain_finding_scores_its_severity() -> None:
    assert risk_of((Finding("f1", "PII.Contact.Email", 1.0, 1.0),)).score == 50.0


def test_many_trivial_findings_stay_low() -> None:
    findings = tuple(Finding(f"f{i}", "PII.DateTime", 1.0, 1.0, "a", occurrences=40) for i in range(30))
    assert risk_of(findings).level is Level.LOW


def test_every_mild_label_at_once_stays_below_high() -> None:
    mild = [name for name, label in TAXONOMY.labels.items() if label.severity <= 0.3]
    findings = tuple(
        Finding(f"f{i}", name, 1.0, 1.0) for i, name in enumerate(mild) if name != "OTHER.Unknown"
    )
    assert risk_of(findings).level is Level.MEDIUM


def test_repetition_raises_the_score_by_a_bounded_amount() -> None:
    once = risk_of((Finding("f1", "PII.Contact.Email", 1.0, 1.0),)).score
    often = risk_of((Finding("f1", "PII.Contact.Email", 1.0, 1.0, occurrences=1_000_000),)).score
    assert once < often <= 62.5


@pytest.mark.parametrize(
    ("label", "level"),
    [
        ("TOPIC.Political", Level.LOW),
        ("PII.Person.Name", Level.MEDIUM),
        ("PII.GovernmentId.Other", Level.HIGH),
        ("PII.Financial.CreditCard", Level.CRITICAL),
        ("SECRET.CloudCredential", Level.CRITICAL),
        ("OTHER.NeedsReview", Level.MEDIUM),
        ("OTHER.Unknown", Level.LOW),
        ("OTHER.Safe", Level.NONE),
        ("OTHER.ModelError", Level.UNDETERMINED),
    ],
)
def test_level_of_one_certain_finding(label: str, level: Level) -> None:
    assert risk_of((Finding("f1", label, 1.0, 1.0, "a"),)).level is level


def test_unknown_label_may_be_as_bad_as_any() -> None:
    risk = risk_of((Finding("f1", "OTHER.Unknown", 1.0, 0.0, "a"),))
    assert risk.score == 0.0
    assert risk.interval.high == 100.0
    assert risk.level is Level.UNDETERMINED


OPEN = ("OTHER.Unknown", "OTHER.NeedsReview")


@pytest.mark.parametrize("label", OPEN)
@pytest.mark.parametrize("score", [0.0, 1.0])
@pytest.mark.parametrize("confidence", [0.0, 1.0])
def test_open_finding_may_be_as_bad_as_any_whatever_its_score(
    label: str, score: float, confidence: float
) -> None:
    risk = risk_of((Finding("f1", label, score, confidence, "a"),))
    assert risk.interval.high == 100.0
    assert risk.level is not Level.NONE


@given(finding_lists(), contexts, st.sampled_from([*OPEN, "OTHER.ModelError"]), unit, unit)
def test_level_is_never_none_beside_an_open_or_unreadable_finding(
    findings: tuple[Finding, ...], context: Context, label: str, score: float, confidence: float
) -> None:
    risk = risk_of((*findings, Finding("new", label, score, confidence, "a")), context)
    assert risk.level is not Level.NONE


def test_open_finding_of_score_zero_leaves_the_answer_unreliable(
    run: Callable[[AnalysisRequest], Analysis],
) -> None:
    answer = run(AnalysisRequest((Finding("f1", "OTHER.Unknown", 0.0, 0.0, "a"),), ALL_RAN))
    assert (answer.risk.level, answer.confidence) == (Level.UNDETERMINED, 0.0)
    assert answer.remediation
    review = run(AnalysisRequest((Finding("f1", "OTHER.NeedsReview", 0.0, 1.0, "a"),), ALL_RAN))
    assert "left the case to a person, so it may be worse than it is rated [f1]" in review.explanation
    assert "Put the case before a reviewer" in review.remediation[0].action


@given(st.floats(0, 1, exclude_min=True), st.sampled_from(["score", "confidence"]))
def test_faintest_secret_is_not_level_none(strength: float, field: str) -> None:
    risk = risk_of((changed(Finding("f1", "SECRET.CloudCredential", 1.0, 1.0, "a"), field, strength),))
    assert risk.level not in (Level.NONE, Level.UNDETERMINED)
    assert risk.score >= 0.01


@given(st.floats(0, 1, exclude_max=True))
def test_least_missing_coverage_is_not_level_none(coverage: float) -> None:
    assert risk_of((), dataclasses.replace(ALL_RAN, coverage=coverage)).level is Level.UNDETERMINED


def test_doubtful_labels_are_left_out_of_the_lower_end() -> None:
    doubtful = risk_of((Finding("f1", "SECRET.ApiKey", 1.0, 0.4),))
    assert doubtful.interval.low == 0.0
    assert doubtful.interval.high == 90.0


def test_unreadable_output_counts_as_a_missing_detector() -> None:
    garbled = Finding("f1", "OTHER.ModelError", 1.0, 1.0, "a")
    context = Context(detectors_required=("a", "b"), detectors_succeeded=("a", "b"))
    risk = risk_of((garbled,), context)
    assert risk.score == 0.0
    assert risk.interval.high == 50.0
    assert risk.level is Level.UNDETERMINED


def test_required_detector_that_neither_ran_nor_failed_is_missing() -> None:
    context = Context(detectors_required=("a", "b"), detectors_succeeded=("a",))
    assert risk_of((), context).interval.high == 50.0


def test_optional_detectors_do_not_dilute_a_missing_required_one() -> None:
    context = Context(detectors_required=("a",), detectors_succeeded=("b", "c", "d"))
    assert risk_of((), context).interval.high == 100.0


def test_coverage_the_caller_reports_widens_the_interval() -> None:
    context = dataclasses.replace(ALL_RAN, coverage=0.75)
    risk = risk_of((), context)
    assert risk.interval.high == 25.0
    assert risk.level is Level.UNDETERMINED


def test_nothing_known_to_have_run_leaves_the_whole_range_open() -> None:
    risk = risk_of((), Context(coverage=1.0))
    assert (risk.interval.low, risk.interval.high) == (0.0, 100.0)
    assert risk.level is Level.UNDETERMINED
