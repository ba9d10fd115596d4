"""Claims about the shipped data, checked against the official texts where they are at hand."""

import json
import os
import re
from pathlib import Path

import pytest
import yaml

from analysis_svc.adapters.advice_files import MAX_ACTION
from analysis_svc.domain.catalogue import Catalogue, JudgedOn, Priority, Relation


@pytest.fixture(scope="module")
def shared_data() -> Path:
    folder = os.environ.get("LLAMA_MAPPER_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("LLAMA_MAPPER_DATA names no folder: the official texts cannot be compared")
    return Path(folder)


def official(folder: Path, name: str) -> dict[str, str]:
    lines = (folder / "regulatory" / name).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    return {row["ref_id"]: row["text"] for row in rows if row["ref_id"]}


def eu_reference(control: str) -> str:
    """`Art. 5(1)(f)` is `5.1.f` in the official text's file, and a whole article is `Article 10`."""
    number, *rest = re.findall(r"\d+|(?<=\()[a-z]+(?=\))", control)
    return ".".join([number, *rest]) if rest else f"Article {number}"


def test_labels_and_severities_are_those_of_the_reference(catalogue: Catalogue, shared_data: Path) -> None:
    reference = yaml.safe_load((shared_data / "taxonomy-2026.11.yaml").read_text(encoding="utf-8"))
    assert catalogue.taxonomy.edition == reference["version"]
    ours = {name: label.severity for name, label in catalogue.taxonomy.labels.items()}
    assert ours == {name: entry["severity"] for name, entry in reference["labels"].items()}


@pytest.mark.parametrize(("framework", "file"), [("gdpr", "gdpr.jsonl"), ("eu-ai-act", "ai-act.jsonl")])
def test_every_eu_article_exists(catalogue: Catalogue, shared_data: Path, framework: str, file: str) -> None:
    known = official(shared_data, file)
    missing = [c for c in catalogue.frameworks[framework].controls if eu_reference(c) not in known]
    assert missing == []


def test_every_ai_rmf_subcategory_exists(catalogue: Catalogue, shared_data: Path) -> None:
    known = official(shared_data, "nist-ai-rmf-1.0.jsonl")
    assert catalogue.frameworks["nist-ai-rmf"].controls.keys() <= known.keys()


def test_every_security_rule_standard_exists(catalogue: Catalogue, shared_data: Path) -> None:
    known = official(shared_data, "nist-sp-800-66-rev2.jsonl")
    security_rule = [c for c in catalogue.frameworks["hipaa"].controls if c.startswith("164.3")]
    assert security_rule
    for control in security_rule:
        # The source names a standard by its first levels only: 164.312(a) for 164.312(a)(1).
        assert any(control.startswith(ref) for ref in known if "(" in ref), control


@pytest.mark.parametrize(
    ("framework", "file"),
    [
        ("gdpr", "gdpr.jsonl"),
        ("eu-ai-act", "ai-act.jsonl"),
        ("nist-ai-rmf", "nist-ai-rmf-1.0.jsonl"),
        ("hipaa", "nist-sp-800-66-rev2.jsonl"),
    ],
)
def test_statements_are_not_copied_from_the_official_text(
    catalogue: Catalogue, shared_data: Path, framework: str, file: str
) -> None:
    text = " ".join(" ".join(official(shared_data, file).values()).lower().split())
    for control in catalogue.frameworks[framework].controls.values():
        words = control.statement.lower().split()
        runs = [" ".join(words[start : start + 8]) for start in range(len(words) - 7)]
        assert [run for run in runs if run in text] == [], control.id


def test_ids_have_the_form_of_their_framework(catalogue: Catalogue) -> None:
    forms = {
        "soc2": r"(CC[1-9]|A1|C1|PI1|P[1-8])\.\d{1,2}",
        "iso27001": r"A\.(5\.([1-9]|[12]\d|3[0-7])|6\.[1-8]|7\.([1-9]|1[0-4])|8\.([1-9]|[12]\d|3[0-4]))",
        "hipaa": r"164\.\d{3}(\([a-zA-Z0-9]+\))+",
        "gdpr": r"Art\. \d{1,2}(\(\d+\)(\([a-z]\))?)?",
        "eu-ai-act": r"Art\. \d{1,3}(\(\d+\)(\([a-z]\))?)?",
        "nist-ai-rmf": r"(GOVERN|MAP|MEASURE|MANAGE) \d\.\d{1,2}",
    }
    assert catalogue.frameworks.keys() == forms.keys()
    for framework in catalogue.frameworks.values():
        for control in framework.controls:
            assert re.fullmatch(forms[framework.id], control), f"{framework.id} {control}"


def test_every_label_bears_on_two_to_six_controls_or_says_why_not(catalogue: Catalogue) -> None:
    assert catalogue.unmapped.keys() == {"OTHER.Safe"}
    assert catalogue.links.keys() | catalogue.unmapped.keys() == catalogue.taxonomy.labels.keys()
    assert {name: len(links) for name, links in catalogue.links.items() if not 2 <= len(links) <= 6} == {}


def test_every_control_of_a_catalogue_is_used(catalogue: Catalogue) -> None:
    used = {link.control for links in catalogue.links.values() for link in links}
    shipped = {c for framework in catalogue.frameworks.values() for c in framework.controls.values()}
    assert shipped - used == set()


def test_no_label_is_tied_to_the_prohibited_practices(catalogue: Catalogue) -> None:
    assert not [c for c in catalogue.frameworks["eu-ai-act"].controls if c.startswith("Art. 5(")]


def test_laws_and_the_ai_rmf_are_never_judged_on_one_request(catalogue: Catalogue) -> None:
    for framework in ("gdpr", "hipaa", "eu-ai-act", "nist-ai-rmf"):
        controls = catalogue.frameworks[framework].controls.values()
        assert {control.judged_on for control in controls} == {JudgedOn.PROGRAMME}


def test_hipaa_is_direct_for_health_data_only_and_named_for_personal_data_only(catalogue: Catalogue) -> None:
    for label, links in catalogue.links.items():
        relations = {link.relation for link in links if link.control.framework == "hipaa"}
        if label.startswith("PII.Health."):
            assert Relation.DIRECT in relations, label
        elif label.startswith("PII."):
            assert relations <= {Relation.RELATED}, label
        else:
            assert relations == set(), label


def test_every_piece_of_advice_serves_a_control_of_its_label(catalogue: Catalogue) -> None:
    for label, advice in catalogue.advice.items():
        mapped = {link.control for link in catalogue.links[label]}
        for item in advice:
            assert len(item.action) <= MAX_ACTION
            assert mapped & set(item.controls), f"{label}: {item.action}"


def test_grave_labels_call_for_action_at_once(catalogue: Catalogue) -> None:
    for name, label in catalogue.taxonomy.labels.items():
        if label.severity >= 1.0:
            assert catalogue.advice[name][0].priority is Priority.IMMEDIATE, name
