import json
import re
from collections.abc import Callable
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.models import (
    Analysis,
    AnalysisRequest,
    Context,
    DetectorFailure,
    Direction,
    Finding,
)
from analysis_svc.domain.quote_name import quote_name

NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
CATALOGUE = load_catalogue("2026.11")
Run = Callable[[AnalysisRequest], Analysis]
ALL_RAN = Context(detectors_required=("a",), detectors_succeeded=("a",))


def brackets(text: str) -> set[str]:
    return {ref for group in re.findall(r"\[([^\]]*)\]", text) for ref in group.split(", ")}


@given(
    st.lists(
        st.tuples(
            st.sampled_from(sorted(CATALOGUE.taxonomy.labels)),
            st.floats(0, 1),
            st.floats(0, 1),
            st.none() | st.sampled_from(["presidio_analyzer", "garak", "detector (v2)", "[id-99]"]),
        ),
        max_size=30,
    )
)
@settings(max_examples=150)
def test_every_reference_is_to_a_finding_of_the_request(
    rows: list[tuple[str, float, float, str | None]],
) -> None:
    findings = tuple(Finding(f"id-{i}", *row) for i, row in enumerate(rows))
    answer = analyze(AnalysisRequest(findings), catalogue=CATALOGUE, now=NOW)
    ids = {finding.id for finding in findings}
    assert brackets(answer.explanation) <= ids
    references = [
        *(entry.findings for entry in answer.compliance),
        *(pattern.findings for pattern in answer.patterns),
        *(remediation.findings for remediation in answer.remediation),
        *(factor.findings for factor in answer.risk.contributing_factors),
    ]
    assert {ref for refs in references for ref in refs} <= ids
    assert "  " not in answer.explanation
    assert answer.explanation.endswith(".")


def test_one_finding_reads_in_the_singular(run: Run) -> None:
    answer = run(
        AnalysisRequest((Finding("f1", "PII.Contact.Email", 1.0, 0.8, "presidio_analyzer"),), ALL_RAN)
    )
    assert answer.explanation == (
        "presidio_analyzer found PII.Contact.Email (e-mail address) once [f1]. The score is 40 of 100 points "
        "(40 of them from PII.Contact.Email [f1]), within an interval of 20 to 62.5, "
        "which makes the level medium."
    )


def test_several_detectors_and_occurrences_read_in_the_plural(run: Run) -> None:
    findings = (
        Finding("f1", "PII.Contact.Email", 1.0, 1.0, "b", occurrences=2),
        Finding("f2", "PII.Contact.Email", 1.0, 0.9, "a", occurrences=10),
    )
    context = Context(direction=Direction.OUTPUT, detectors_required=("a",), detectors_succeeded=("a", "b"))
    text = run(AnalysisRequest(findings, context)).explanation
    assert text.startswith(
        "a and b found PII.Contact.Email (e-mail address) 12 times in the output [f1, f2]."
    )


def test_missing_detectors_are_named_with_their_status(run: Run) -> None:
    context = Context(
        detectors_required=("a", "c"),
        detectors_succeeded=("a",),
        detectors_failed=(DetectorFailure("b", "timeout"),),
    )
    text = run(AnalysisRequest((), context)).explanation
    assert "Two detectors gave no result: b (timeout) and c (required, no result);" in text
    assert "what they would have found is unknown." in text
    assert "The level is undetermined" in text


def test_one_missing_detector_reads_in_the_singular(run: Run) -> None:
    context = Context(detectors_succeeded=("a",), detectors_failed=(DetectorFailure("b", "failed"),))
    text = run(AnalysisRequest((), context)).explanation
    assert "One detector gave no result: b (failed); what it would have found is unknown." in text


def test_clean_run_claims_no_more_than_it_may(run: Run) -> None:
    answer = run(AnalysisRequest((Finding("f1", "OTHER.Safe", 0.0, 1.0, "a"),), ALL_RAN))
    assert answer.explanation == (
        "Nothing that bears risk was found. a reported nothing [f1]. "
        "The level is none: the one detector that ran found nothing and none is missing. "
        "This speaks of this request alone and does not show that a control works. "
        "With what they are known, or must be feared, to miss, the score may be up to 50."
    )


def test_unreadable_output_is_said_not_to_be_clean(run: Run) -> None:
    text = run(AnalysisRequest((Finding("f1", "OTHER.ModelError", 1.0, 1.0),), ALL_RAN)).explanation
    assert (
        "The output of a detector that is not named could not be read and does not count as clean [f1]."
        in text
    )


def test_weak_silence_is_said_to_prove_little(run: Run) -> None:
    findings = (
        Finding("f1", "OTHER.Safe", 0.0, 1.0, "a"),
        Finding("f2", "OTHER.Safe", 0.0, 0.51, "profanity"),
        Finding("f3", "OTHER.Safe", 0.0, 0.23, "prompts"),
    )
    text = run(AnalysisRequest(findings, ALL_RAN)).explanation
    assert (
        "To report nothing does not prove that there is nothing: the confidence in it is limited for "
        "prompts (0.23) and profanity (0.51) [f2, f3]." in text
    )


def test_name_that_reads_like_prose_or_a_reference_is_quoted(run: Run) -> None:
    findings = (
        Finding("f1", "PII.Contact.Email", 1.0, 1.0, "[f9]"),
        Finding("f2", "OTHER.Safe", 0.0, 0.5, "b found nothing. The level is none."),
        Finding("f3", "OTHER.ModelError", 1.0, 1.0, "\u202e"),
    )
    context = Context(detectors_succeeded=("a",), detectors_failed=(DetectorFailure('"q"', "late [f1]"),))
    text = run(AnalysisRequest(findings, context)).explanation
    assert text.startswith(r'"\u005bf9\u005d" found PII.Contact.Email')
    assert '"b found nothing. The level is none." reported nothing [f2].' in text
    assert r'The output of "\u202e" could not be read' in text
    assert r'"\u0022q\u0022" ("late \u005bf1\u005d")' in text


@given(st.text(min_size=1, max_size=40))
def test_no_name_breaks_out_of_its_quotes(name: str) -> None:
    quoted = quote_name(name)
    if quoted == name:
        assert re.fullmatch(r"[\w.:/@+-]+", name, re.ASCII)
    else:
        assert quoted.isprintable()
        assert not set(quoted[1:-1]) & set('"[]')
        assert json.loads(quoted) == name


def test_long_lists_are_cut_and_counted(run: Run) -> None:
    findings = tuple(Finding(f"f{i:03}", "PII.Contact.Email", 1.0, 1.0, "a") for i in range(20))
    text = run(AnalysisRequest(findings, ALL_RAN)).explanation
    assert "f007] and 12 more findings" in text
    assert "f008" not in text


def test_the_worst_request_still_gets_a_short_explanation(run: Run) -> None:
    labels = sorted(CATALOGUE.taxonomy.labels)
    findings = tuple(
        Finding(f"{'x' * 59}{i:04}", labels[i % len(labels)], 1.0, 1.0, f"detector-{i}") for i in range(1000)
    )
    assert len(run(AnalysisRequest(findings)).explanation) < 40_000
