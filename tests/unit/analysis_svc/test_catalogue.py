"""Claims about the shipped data, checked against the official texts where they are at hand."""

import json
import re
from collections import defaultdict
from functools import cache
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from analysis_svc.adapters.advice_files import MAX_ACTION
from analysis_svc.domain.catalogue import Catalogue, JudgedOn, Priority, Relation


def official(folder: Path, name: str) -> dict[str, str]:
    lines = (folder / "regulatory" / name).read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    # An article of one paragraph stands in the path only.
    articles = {part: row["text"] for row in rows for part in row["path"] if part.startswith("Article ")}
    return articles | {row["ref_id"]: row["text"] for row in rows if row["ref_id"]}


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
    known = {ref for ref in official(shared_data, "nist-sp-800-66-rev2.jsonl") if "(" in ref}
    # The source names a standard by its first levels only, 164.312(a) for 164.312(a)(1), or by the first of
    # its paragraphs, 164.312(e)(1) for all of 164.312(e); where it has a (2) as well, each is a standard.
    whole = {ref.removesuffix("(1)") for ref in known if ref.removesuffix("(1)") + "(2)" not in known}
    security_rule = [c for c in catalogue.frameworks["hipaa"].controls if c.startswith("164.3")]
    assert security_rule
    assert [c for c in security_rule if not c.startswith((*known, *whole))] == []


@pytest.mark.parametrize(
    ("framework", "file"),
    [("nist-800-53", "nist-sp-800-53-rev5.jsonl"), ("nist-csf", "nist-csf-2.0.jsonl")],
)
def test_every_control_of_nist_exists(
    catalogue: Catalogue, shared_data: Path, framework: str, file: str
) -> None:
    assert catalogue.frameworks[framework].controls.keys() <= official(shared_data, file).keys()


def test_every_action_of_the_generative_profile_exists(catalogue: Catalogue, shared_data: Path) -> None:
    text = (shared_data / "regulatory" / "nist_ai_600_1_actions.jsonl").read_text(encoding="utf-8")
    known = {json.loads(line)["id"] for line in text.splitlines()}
    actions = {c for c in catalogue.frameworks["nist-ai-600-1"].controls if not c.startswith("2.")}
    assert actions
    assert actions <= known


@pytest.mark.parametrize("edition", ["2025", "2026"])
def test_owasp_ids_mean_what_their_edition_says(
    catalogue: Catalogue, shared_data: Path, edition: str
) -> None:
    standards = json.loads((shared_data / "vendors" / "standards.json").read_text(encoding="utf-8"))
    known = {row["raw"]: row["meaning"] for row in standards[f"owasp_llm_top10_{edition}"]["labels"]}
    controls = catalogue.frameworks[f"owasp-llm-{edition}"].controls
    assert {name: one.title.lower() for name, one in controls.items()} == {
        name: meaning.lower() for name, meaning in known.items()
    }


def test_techniques_of_atlas_have_the_ids_of_their_names(catalogue: Catalogue, shared_data: Path) -> None:
    standards = json.loads((shared_data / "vendors" / "standards.json").read_text(encoding="utf-8"))
    controls = catalogue.frameworks["mitre-atlas"].controls
    for row in standards["mitre_atlas_2026_07"]["labels"]:
        assert controls[row["raw"]].title.lower() == row["meaning"].lower()


@pytest.mark.parametrize(
    ("framework", "file"),
    [
        ("gdpr", "gdpr.jsonl"),
        ("eu-ai-act", "ai-act.jsonl"),
        ("nist-ai-rmf", "nist-ai-rmf-1.0.jsonl"),
        ("hipaa", "nist-sp-800-66-rev2.jsonl"),
        ("nist-800-53", "nist-sp-800-53-rev5.jsonl"),
        ("nist-csf", "nist-csf-2.0.jsonl"),
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
        "iso27001": r"A\.[5-8]\.[1-9]\d?|([4-9]|10)\.\d(\.\d)?",
        "hipaa": r"164\.(402|\d{3}(\([a-zA-Z0-9]+\))+)",
        "gdpr": r"Art\. \d{1,2}(\(\d+\)(\([a-z]\))?)?",
        "eu-ai-act": r"Art\. \d{1,3}(\(\d+\)(\([a-z]\))?)?",
        "nist-ai-rmf": r"(GOVERN|MAP|MEASURE|MANAGE) \d\.\d{1,2}",
        "iso42001": r"A\.([2-9]|10)\.(\d\.)?\d",
        "nist-ai-600-1": r"2\.(\d|1[0-2])|(GV|MP|MS|MG)-\d\.\d{1,2}-\d{3}",
        "nist-800-53": r"[A-Z]{2}-\d{1,2}(\(\d{1,2}\))?",
        "nist-csf": r"(GV|ID|PR|DE|RS|RC)\.[A-Z]{2}-\d{2}",
        "pci-dss": r"([1-9]|1[0-2])(\.\d{1,2}){2,4}",
        "owasp-llm-2025": r"LLM(0[1-9]|10):2025",
        "owasp-llm-2026": r"LLM(0[1-9]|10):2026",
        "mitre-atlas": r"AML\.T\d{4}(\.\d{3})?",
    }
    assert catalogue.frameworks.keys() == forms.keys()
    for framework in catalogue.frameworks.values():
        for control in framework.controls:
            assert re.fullmatch(forms[framework.id], control), f"{framework.id} {control}"


def test_every_label_bears_on_two_to_six_controls_or_says_why_not(catalogue: Catalogue) -> None:
    assert catalogue.unmapped.keys() == {"OTHER.Safe"}
    assert catalogue.links.keys() | catalogue.unmapped.keys() == catalogue.taxonomy.labels.keys()
    default = catalogue.default_frameworks
    counts = {
        name: sum(link.control.framework in default for link in links)
        for name, links in catalogue.links.items()
    }
    assert {name: count for name, count in counts.items() if not 2 <= count <= 11} == {}
    # Only health data bears on more than six of the default ones, since all of HIPAA is about it.
    assert {name for name, count in counts.items() if count > 6} <= {
        "PII.Health.Identifier",
        "PII.Health.Condition",
    }


def test_every_label_bears_on_a_further_framework_too(catalogue: Catalogue) -> None:
    default = set(catalogue.default_frameworks)
    for name, links in catalogue.links.items():
        assert {link.control.framework for link in links} - default, name


@cache
def words_of(rationale: str) -> frozenset[str]:
    return frozenset(re.findall(r"[a-z]+", rationale.lower()))


def test_no_rationale_is_its_neighbours_with_a_word_changed(catalogue: Catalogue) -> None:
    # Neighbours are those of one label, and those of one control.
    neighbours: dict[str, list[str]] = defaultdict(list)
    for label, links in catalogue.links.items():
        for link in links:
            neighbours[label].append(link.rationale)
            neighbours[f"{link.control.framework} {link.control.id}"].append(link.rationale)
    for tie in catalogue.crosswalk:
        for end in (tie.source, tie.target):
            neighbours[f"{end.framework} {end.id}"].append(tie.rationale)
    alike = [
        (one, other)
        for whys in neighbours.values()
        for one, other in combinations(whys, 2)
        if len(words_of(one) & words_of(other)) > 0.6 * len(words_of(one) | words_of(other))
    ]
    assert alike == []


def test_laws_risks_and_techniques_are_never_judged_on_one_request(catalogue: Catalogue) -> None:
    programmes = ("gdpr", "hipaa", "eu-ai-act", "nist-ai-rmf", "iso42001", "nist-ai-600-1", "mitre-atlas")
    for framework in (*programmes, "owasp-llm-2025", "owasp-llm-2026"):
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
