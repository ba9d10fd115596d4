from collections.abc import Callable

import pytest

from analysis_svc.domain.catalogue import Catalogue, JudgedOn, Relation
from analysis_svc.domain.map_controls import VIOLATION_STRENGTH
from analysis_svc.domain.models import Analysis, AnalysisRequest, ComplianceEntry, EvidenceState, Finding

Run = Callable[[AnalysisRequest], Analysis]


def entries(
    run: Run, *findings: Finding, frameworks: tuple[str, ...] | None = None
) -> dict[str, ComplianceEntry]:
    found = run(AnalysisRequest(findings, frameworks=frameworks)).compliance
    return {f"{entry.framework} {entry.control}": entry for entry in found}


def test_strong_direct_finding_violates_a_control_that_one_request_can_break(run: Run) -> None:
    entry = entries(run, Finding("f1", "SECRET.ApiKey", 1.0, 0.9))["iso27001 A.5.17"]
    assert entry.evidence_state is EvidenceState.VIOLATED
    assert entry.findings == ("f1",)
    assert entry.edition == "2022"


def test_weak_direct_finding_is_insufficient(run: Run) -> None:
    entry = entries(run, Finding("f1", "SECRET.ApiKey", 0.4, 0.9))["iso27001 A.5.17"]
    assert entry.strength < VIOLATION_STRENGTH
    assert entry.evidence_state is EvidenceState.INSUFFICIENT


def test_many_weak_findings_do_not_make_a_violation(run: Run) -> None:
    weak = [Finding(f"f{i}", "SECRET.ApiKey", 0.4, 0.9, occurrences=100) for i in range(50)]
    assert entries(run, *weak)["iso27001 A.5.17"].evidence_state is EvidenceState.INSUFFICIENT


def test_supporting_finding_never_violates(run: Run) -> None:
    entry = entries(run, Finding("f1", "SECRET.CloudCredential", 1.0, 1.0))["soc2 CC7.3"]
    assert entry.relation is Relation.SUPPORTING
    assert entry.evidence_state is EvidenceState.INSUFFICIENT


def test_no_text_violates_a_law(run: Run, catalogue: Catalogue) -> None:
    findings = [Finding(f"f{i}", label, 1.0, 1.0) for i, label in enumerate(catalogue.taxonomy.labels)]
    for key, entry in entries(run, *findings).items():
        if entry.framework in {"gdpr", "hipaa", "eu-ai-act", "nist-ai-rmf"}:
            assert entry.evidence_state is EvidenceState.INSUFFICIENT, key


def test_violation_needs_a_control_judged_on_the_request(run: Run, catalogue: Catalogue) -> None:
    findings = [Finding(f"f{i}", label, 1.0, 1.0) for i, label in enumerate(catalogue.taxonomy.labels)]
    violated = [
        entry for entry in entries(run, *findings).values() if entry.evidence_state is EvidenceState.VIOLATED
    ]
    assert violated
    for entry in violated:
        assert catalogue.frameworks[entry.framework].controls[entry.control].judged_on is JudgedOn.REQUEST
        assert entry.relation is Relation.DIRECT


@pytest.mark.parametrize("pillar", ["JAILBREAK", "PROMPT_INJECTION"])
def test_attempted_attack_is_no_violation(run: Run, catalogue: Catalogue, pillar: str) -> None:
    attacks = [label for label in catalogue.taxonomy.labels if label.startswith(f"{pillar}.")]
    for label in attacks:
        states = {entry.evidence_state for entry in entries(run, Finding("f1", label, 1.0, 1.0)).values()}
        assert states == {EvidenceState.INSUFFICIENT}, label


def test_absence_of_findings_satisfies_nothing(run: Run) -> None:
    assert entries(run) == {}
    assert entries(run, Finding("f1", "OTHER.Safe", 0.0, 1.0)) == {}


def test_finding_without_risk_or_confidence_bears_on_nothing(run: Run) -> None:
    assert entries(run, Finding("f1", "PII.Contact.Email", 0.0, 1.0)) == {}
    assert entries(run, Finding("f1", "PII.Contact.Email", 1.0, 0.0)) == {}


def test_unreadable_output_bears_on_monitoring_even_without_a_score(run: Run) -> None:
    assert "soc2 CC4.1" in entries(run, Finding("f1", "OTHER.ModelError", 0.0, 0.0))


def test_strongest_relation_leads_and_gives_the_rationale(run: Run, catalogue: Catalogue) -> None:
    related = Finding("f1", "PII.DateTime", 1.0, 1.0)
    direct = Finding("f2", "PII.Contact.Email", 0.1, 0.5)
    entry = entries(run, related, direct)["gdpr Art. 5(1)(c)"]
    assert entry.relation is Relation.DIRECT
    assert entry.findings == ("f2", "f1")
    assert set(entry.labels) == {"PII.DateTime", "PII.Contact.Email"}
    link = next(link for link in catalogue.links["PII.Contact.Email"] if link.control.id == "Art. 5(1)(c)")
    assert entry.rationale == link.rationale


def test_filter_keeps_the_asked_frameworks_only(run: Run) -> None:
    found = entries(run, Finding("f1", "PII.Health.Condition", 1.0, 1.0), frameworks=("hipaa", "gdpr"))
    assert {entry.framework for entry in found.values()} == {"hipaa", "gdpr"}


def test_violated_entries_come_first(run: Run, catalogue: Catalogue) -> None:
    findings = [Finding(f"f{i}", label, 1.0, 1.0) for i, label in enumerate(catalogue.taxonomy.labels)]
    states = [entry.evidence_state for entry in entries(run, *findings).values()]
    assert states == sorted(states, key=lambda state: state is not EvidenceState.VIOLATED)


@pytest.mark.parametrize("label", ["TOPIC.Health", "ADVICE.Medical", "SECRET.ApiKey", "HARM.SELFHARM.Intent"])
def test_hipaa_is_not_named_where_no_patient_data_is_plausible(run: Run, label: str) -> None:
    assert not any(key.startswith("hipaa") for key in entries(run, Finding("f1", label, 1.0, 1.0)))
