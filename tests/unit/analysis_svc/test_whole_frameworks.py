"""Claims about which controls a catalogue holds, and about those that no label bears on."""

import json
import re
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.evidence_rule_files import load_evidence_rules
from analysis_svc.domain.catalogue import Catalogue, JudgedOn
from analysis_svc.domain.control_status import GapKind, PeriodFacts, assess
from analysis_svc.domain.evidence_facts import Facts, Looks, Period
from analysis_svc.domain.evidence_rules import bearing_on
from analysis_svc.domain.models import EvidenceState

REDUCED = ("nist-800-53", "nist-ai-600-1", "mitre-atlas", "owasp-llm-2025", "owasp-llm-2026")
"""What these hold beyond what findings and other frameworks ask for would be a stray line."""


def numbered(counts: dict[str, int]) -> set[str]:
    """`{"A.6": 2}` is A.6.1 and A.6.2."""
    return {f"{part}.{number}" for part, count in counts.items() for number in range(1, count + 1)}


ISO_27001_CLAUSES = (
    "4.1 4.2 4.3 4.4 5.1 5.2 5.3 6.1.1 6.1.2 6.1.3 6.2 6.3 7.1 7.2 7.3 7.4 7.5.1 7.5.2 7.5.3 8.1 8.2 8.3 "
    "9.1 9.2.1 9.2.2 9.3.1 9.3.2 9.3.3 10.1 10.2"
)
ISO_42001 = (
    "A.2.2 A.2.3 A.2.4 A.3.2 A.3.3 A.4.2 A.4.3 A.4.4 A.4.5 A.4.6 A.5.2 A.5.3 A.5.4 A.5.5 A.6.1.2 A.6.1.3 "
    "A.6.2.2 A.6.2.3 A.6.2.4 A.6.2.5 A.6.2.6 A.6.2.7 A.6.2.8 A.7.2 A.7.3 A.7.4 A.7.5 A.7.6 A.8.2 A.8.3 "
    "A.8.4 A.8.5 A.9.2 A.9.3 A.9.4 A.10.2 A.10.3 A.10.4"
)
COMMON_CRITERIA = {"CC1": 5, "CC2": 3, "CC3": 4, "CC4": 2, "CC5": 3, "CC6": 8, "CC7": 5, "CC8": 1, "CC9": 2}
FURTHER_CRITERIA = {"A1": 3, "C1": 2, "PI1": 5}
PRIVACY_CRITERIA = {"P1": 1, "P2": 1, "P3": 2, "P4": 3, "P5": 2, "P6": 7, "P7": 1, "P8": 1}

# How many requirements stand under each heading, and under each requirement that has parts.
PCI_DSS = """
1.1 2, 1.2 8, 1.3 3, 1.4 5, 1.5 1, 2.1 2, 2.2 7, 2.3 2, 3.1 2, 3.2 1, 3.3 3, 3.3.1 3, 3.4 2, 3.5 1,
3.5.1 3, 3.6 1, 3.6.1 4, 3.7 9, 4.1 2, 4.2 2, 4.2.1 2, 5.1 2, 5.2 3, 5.2.3 1, 5.3 5, 5.3.2 1, 5.4 1,
6.1 2, 6.2 4, 6.2.3 1, 6.3 3, 6.4 3, 6.5 6, 7.1 2, 7.2 6, 7.2.5 1, 7.3 3, 8.1 2, 8.2 8, 8.3 11,
8.3.10 1, 8.4 3, 8.5 1, 8.6 3, 9.1 2, 9.2 4, 9.2.1 1, 9.3 4, 9.3.1 1, 9.4 7, 9.4.1 2, 9.4.5 1,
9.5 1, 9.5.1 3, 9.5.1.2 1, 10.1 2, 10.2 2, 10.2.1 7, 10.3 4, 10.4 3, 10.4.1 1, 10.4.2 1, 10.5 1,
10.6 3, 10.7 3, 11.1 2, 11.2 2, 11.3 2, 11.3.1 3, 11.3.2 1, 11.4 7, 11.5 2, 11.5.1 1, 11.6 1,
12.1 4, 12.2 1, 12.3 4, 12.4 2, 12.4.2 1, 12.5 3, 12.5.2 1, 12.6 3, 12.6.3 2, 12.7 1, 12.8 5,
12.9 2, 12.10 7, 12.10.4 1
"""
FURTHER_TECHNIQUES = {
    "AML.T0010": "AI supply chain compromise",
    "AML.T0011": "User execution",
    "AML.T0015": "Evade AI model",
    "AML.T0029": "Denial of AI service",
    "AML.T0034": "Cost harvesting",
    "AML.T0048": "External harms",
    "AML.T0049": "Exploit public-facing application",
    "AML.T0050": "Command and scripting interpreter",
    "AML.T0052": "Phishing",
    "AML.T0055": "Unsecured credentials",
    "AML.T0060": "Publish hallucinated entities",
}


@pytest.mark.parametrize(
    ("framework", "ids"),
    [
        ("iso27001", numbered({"A.5": 37, "A.6": 8, "A.7": 14, "A.8": 34}) | set(ISO_27001_CLAUSES.split())),
        ("iso42001", set(ISO_42001.split())),
        ("soc2", numbered(COMMON_CRITERIA | FURTHER_CRITERIA | PRIVACY_CRITERIA)),
        (
            "pci-dss",
            numbered({part: int(count) for part, count in (each.split() for each in PCI_DSS.split(","))}),
        ),
        ("owasp-llm-2025", {f"LLM{number:02}:2025" for number in range(1, 11)}),
        ("owasp-llm-2026", {f"LLM{number:02}:2026" for number in range(1, 11)}),
    ],
)
def test_framework_is_whole(catalogue: Catalogue, framework: str, ids: set[str]) -> None:
    assert catalogue.frameworks[framework].controls.keys() == ids


@pytest.mark.parametrize(
    ("framework", "file", "form", "count"),
    [
        ("nist-csf", "nist-csf-2.0.jsonl", r"[A-Z]{2}\.[A-Z]{2}-\d\d", 106),
        ("nist-ai-rmf", "nist-ai-rmf-1.0.jsonl", r"[A-Z]+ \d\.\d+", 72),
    ],
)
def test_framework_has_every_subcategory_of_the_official_text(
    catalogue: Catalogue, shared_data: Path, framework: str, file: str, form: str, count: int
) -> None:
    lines = (shared_data / "regulatory" / file).read_text(encoding="utf-8").splitlines()
    known = {ref for ref in (json.loads(line)["ref_id"] for line in lines) if ref and re.fullmatch(form, ref)}
    assert catalogue.frameworks[framework].controls.keys() == known
    assert len(known) == count


def test_generative_profile_has_its_twelve_risks(catalogue: Catalogue) -> None:
    controls = catalogue.frameworks["nist-ai-600-1"].controls
    assert {control for control in controls if control.startswith("2.")} == numbered({"2": 12})


def test_removal_of_identifiers_names_all_eighteen(catalogue: Catalogue) -> None:
    place = "164.514(b)(2)(i)"
    named = {control for control in catalogue.frameworks["hipaa"].controls if control.startswith(place)}
    assert named == {f"{place}({letter})" for letter in string.ascii_uppercase[:18]}


def test_techniques_of_atlas_beyond_the_reference_have_the_ids_of_their_names(catalogue: Catalogue) -> None:
    controls = catalogue.frameworks["mitre-atlas"].controls
    assert {name: controls[name].title for name in FURTHER_TECHNIQUES} == FURTHER_TECHNIQUES


def test_every_control_of_a_reduced_catalogue_is_used(catalogue: Catalogue) -> None:
    used = {link.control for links in catalogue.links.values() for link in links}
    used |= {control for tie in catalogue.crosswalk for control in (tie.source, tie.target)}
    assert {c for name in REDUCED for c in catalogue.frameworks[name].controls.values()} - used == set()


def test_no_two_controls_are_described_in_the_same_words(catalogue: Catalogue) -> None:
    for framework in catalogue.frameworks.values():
        assert len({control.title for control in framework.controls.values()}) == len(framework.controls)
        assert len({control.statement for control in framework.controls.values()}) == len(framework.controls)


def test_control_that_no_label_bears_on_is_neither_met_nor_broken_by_any_finding(
    catalogue: Catalogue,
) -> None:
    book = load_evidence_rules(SHIPPED / "evidence-rules.yaml", catalogue)
    # A month in which everything was looked for, every hour, and nothing found: as good as evidence gets.
    start = datetime(2026, 10, 1, tzinfo=UTC)
    hours = [start + timedelta(hours=hour) for hour in range(30 * 24)]
    looks = [Looks(frozenset(book.senses), 10, at, at + timedelta(minutes=59)) for at in hours]
    known = PeriodFacts(Facts(looks, {}, {}, ()), Period(start, start + timedelta(days=30)))
    silent = 0
    for framework in catalogue.frameworks.values():
        bearing = bearing_on(catalogue, framework.id)
        for control in framework.controls.values():
            if (framework.id, control.id) in bearing:
                continue
            silent += 1
            assert control.judged_on is JudgedOn.PROGRAMME, control.id
            status = assess(control, (), known, book)
            assert status.state is EvidenceState.INSUFFICIENT, control.id
            assert [gap.kind for gap in status.gaps] == [GapKind.NO_RULE], control.id
    assert silent


def test_nothing_is_tied_to_the_prohibited_practices(catalogue: Catalogue) -> None:
    practices = {
        control
        for name, control in catalogue.frameworks["eu-ai-act"].controls.items()
        if name.startswith("Art. 5(")
    }
    assert {practice.id for practice in practices} == {f"Art. 5(1)({letter})" for letter in "abcdefgh"}
    tied = {link.control for links in catalogue.links.values() for link in links}
    tied |= {end for tie in catalogue.crosswalk for end in (tie.source, tie.target)}
    tied |= {control for advice in catalogue.advice.values() for item in advice for control in item.controls}
    assert tied & practices == set()
