from pathlib import Path

import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import load_vendors
from pipelines.lib.build_dataset import DatasetSources
from pipelines.lib.draw_families import clear_labels, draw_vendor_families
from pipelines.lib.example import Split
from pipelines.lib.families import load_phrasing_families, load_vendor_families

SOURCES = DatasetSources()
VENDORS = load_vendor_families(SOURCES.vendor_families)
FILES = load_vendors(load_taxonomy(SOURCES.edition))


def test_the_committed_vendor_split_is_the_one_that_was_drawn() -> None:
    held_out, validation = draw_vendor_families(VENDORS, clear_labels(VENDORS, FILES))
    assert (held_out, validation) == (VENDORS.held_out, VENDORS.validation)


def test_spellings_of_one_text_are_one_family() -> None:
    families = load_phrasing_families(SOURCES.phrasing_families)
    assert len({families.family_of(raw) for raw in ("ChartNumber", "chart_number", "chart number")}) == 1


def test_about_a_tenth_of_the_families_stands_for_validation() -> None:
    families = load_phrasing_families(SOURCES.phrasing_families)
    sides = [families.split_of(families.family_of(f"text {number}")) for number in range(2_000)]
    assert 150 < sides.count(Split.VALIDATION) < 250
    assert Split.HELDOUT not in sides


@pytest.mark.parametrize(
    "kin",
    [
        ("presidio_analyzer", "llm_guard_pii_entities"),
        ("detect_secrets", "llm_guard_secrets_plugins"),
        ("llama_guard_1", "llama_guard_3_4", "llama_stack_ogx_shield_llama_guard"),
        ("nvidia_content_safety_23", "nvidia_nemotron_content_safety_22", "wildguard"),
        ("detoxify_original", "unbiased_toxic_roberta"),
        ("aws_bedrock_guardrails", "aws_comprehend_pii"),
    ],
)
def test_detectors_that_share_names_are_one_family(kin: tuple[str, ...]) -> None:
    assert len({VENDORS.family_of(vendor) for vendor in kin}) == 1


@pytest.mark.parametrize(
    ("vendor", "raw"), [("llama_guard_2", "S1"), ("prompt_guard_2", "LABEL_0"), ("bert_base_ner", "O")]
)
def test_codes_are_opaque(vendor: str, raw: str) -> None:
    assert VENDORS.is_opaque(vendor, raw)


@pytest.mark.parametrize(
    ("vendor", "raw"), [("openai_moderation", "hate"), ("trustyai_builtin_regex", "ipv4")]
)
def test_words_are_not_opaque(vendor: str, raw: str) -> None:
    assert not VENDORS.is_opaque(vendor, raw)


def test_every_opaque_label_that_is_listed_is_a_label_of_its_vendor() -> None:
    labels = {vendor.id: set(vendor.labels) for vendor in FILES}
    assert all(listed <= labels[vendor] for vendor, listed in VENDORS.opaque_labels.items())


def test_a_family_that_is_not_listed_for_anything_trains() -> None:
    assert VENDORS.split_of("secrets") is Split.TRAIN
    assert VENDORS.split_of("presidio") is Split.HELDOUT
    assert VENDORS.split_of("trustyai") is Split.VALIDATION


GOOD = SOURCES.vendor_families.read_text()


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  - openai\n", "  - opemai\n", "opemai is no family"),
        ("validation:\n  - alt_profanity", "validation:\n  - presidio", "presidio is held out already"),
        ("members: [garak]", "members: [garak, wildguard]", "says why they are kin"),
        ("members: [garak]", "members: [wildguard]", "wildguard is of the family"),
        ('"LABEL_[0-9]+"', '"LABEL_["', "no regular expression"),
        ("smallest: 3", "smallest: 3.5", "whole number"),
        ("  garak:\n", "  GARAK:\n", "a-z, 0-9"),
    ],
)
def test_a_fault_in_the_list_is_named_with_its_line(tmp_path: Path, old: str, new: str, problem: str) -> None:
    path = tmp_path / "vendor_families.yaml"
    assert old in GOOD
    path.write_text(GOOD.replace(old, new))
    with pytest.raises(DataFaultError, match=rf"vendor_families\.yaml:\d+: .*{problem}"):
        load_vendor_families(path)
