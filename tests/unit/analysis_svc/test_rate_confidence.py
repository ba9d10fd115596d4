from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.taxonomy_files import load_taxonomy
from analysis_svc.domain.detector_coverage import measure_coverage
from analysis_svc.domain.models import Analysis, AnalysisRequest, Context, Finding, Level
from analysis_svc.domain.rate_confidence import rate_confidence
from analysis_svc.domain.score_risk import score_risk

TAXONOMY = load_taxonomy(SHIPPED / "taxonomy" / "2026.11.yaml")
ALL_RAN = Context(detectors_required=("a",), detectors_succeeded=("a",))
unit = st.floats(0, 1)
finding_lists = st.lists(
    st.builds(
        Finding,
        st.just("f1"),
        st.just("OTHER.Safe") | st.sampled_from(sorted(TAXONOMY.labels)),
        unit,
        unit,
        st.sampled_from("ab"),
    ),
    min_size=1,
    max_size=8,
).map(tuple)


def test_confidence_falls_with_missing_detectors_and_doubtful_labels(
    run: Callable[[AnalysisRequest], Analysis],
) -> None:
    sure = (Finding("f1", "PII.Contact.Email", 1.0, 1.0, "a"),)
    doubtful = (Finding("f1", "PII.Contact.Email", 1.0, 0.6, "a"),)
    half = Context(detectors_required=("a", "b"), detectors_succeeded=("a",))
    assert run(AnalysisRequest(sure, ALL_RAN)).confidence == 1.0
    assert run(AnalysisRequest(doubtful, ALL_RAN)).confidence == 0.6
    assert run(AnalysisRequest(sure, half)).confidence == 0.5
    assert run(AnalysisRequest(sure)).confidence == 0.5
    assert run(AnalysisRequest(())).confidence == 0.0


def safe(detector: str, confidence: float) -> Finding:
    return Finding(f"safe-{detector}", "OTHER.Safe", 0.0, confidence, detector)


def test_clean_answer_is_as_reliable_as_its_weakest_silence(
    run: Callable[[AnalysisRequest], Analysis],
) -> None:
    clean = (safe("a", 1.0), safe("b", 0.51), safe("c", 0.23))
    answer = run(AnalysisRequest(clean, ALL_RAN))
    assert (answer.risk.level, answer.confidence) == (Level.NONE, 0.23)
    half = Context(detectors_required=("a", "b"), detectors_succeeded=("a",))
    assert run(AnalysisRequest(clean, half)).confidence == 0.115
    assert run(AnalysisRequest((safe("a", 1.0),), ALL_RAN)).confidence == 1.0


def test_weak_silence_weighs_less_the_worse_the_finding_beside_it(
    run: Callable[[AnalysisRequest], Analysis],
) -> None:
    def beside(label: str) -> float:
        return run(AnalysisRequest((Finding("f1", label, 1.0, 1.0, "a"), safe("b", 0.2)), ALL_RAN)).confidence

    assert beside("SECRET.CloudCredential") == 1.0
    assert beside("PII.Contact.Email") == 0.6
    assert beside("PII.DateTime") == 0.28


@given(finding_lists)
def test_confidence_is_a_share_and_of_a_clean_answer_at_most_that_of_any_silence(
    findings: tuple[Finding, ...],
) -> None:
    coverage = measure_coverage(AnalysisRequest(findings, ALL_RAN))
    confidence = rate_confidence(findings, score_risk(findings, coverage, TAXONOMY, {}), coverage, TAXONOMY)
    assert 0 <= confidence <= 1
    silences = [finding.confidence for finding in findings if finding.label == "OTHER.Safe"]
    if len(silences) == len(findings):
        assert confidence <= round(min(silences), 4)
