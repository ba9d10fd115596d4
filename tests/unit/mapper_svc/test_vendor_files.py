from pathlib import Path

import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import load_vendors
from mapper_svc.domain.taxonomy import SAFE
from mapper_svc.domain.vendor import Direction

TAXONOMY = load_taxonomy("2026.11")
SOUND = """\
vendor: acme
title: Acme
source: Acme manual
edition: "2"
aliases:
  - acme-shield
parser: text_classification
general: HARM.Other
number: bad
empty_list_is_safe: true
safe_confidence: {value: 0.7, source: our measurement}
score:
  direction: quality
  threshold: 0.4
  default: 0.9
labels:
  bad: HARM.Other
  worse: {to: HARM.Other, direction: risk, threshold: 0.2, confidence: 0.7}
safe:
  - good
"""


def write(folder: Path, text: str, name: str = "acme.yaml") -> None:
    (folder / name).write_text(text, encoding="utf-8")


def test_a_file_is_read_as_it_is_written(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    (vendor,) = load_vendors(TAXONOMY, tmp_path)
    assert (vendor.id, vendor.parser, vendor.general, vendor.number) == (
        "acme",
        "text_classification",
        "HARM.Other",
        "bad",
    )
    assert (vendor.score.direction, vendor.score.threshold, vendor.score.default) == (
        Direction.QUALITY,
        0.4,
        0.9,
    )
    worse = vendor.labels["worse"]
    assert (worse.direction, worse.threshold, worse.confidence) == (Direction.RISK, 0.2, 0.7)
    assert vendor.labels["good"].to == SAFE
    assert vendor.empty_list_is_safe
    assert vendor.safe_confidence == 0.7


@pytest.mark.parametrize(
    ("found", "instead", "fault"),
    [
        ("bad: HARM.Other", "bad: HARM.Nothing", "acme.yaml:17: bad: HARM.Nothing is no label of"),
        ("{to: HARM.Other,", "{to: HARM.Nothing,", "acme.yaml:18: to: HARM.Nothing is no label of"),
        ("general: HARM.Other", "general: Bad", "acme.yaml:8: general: Bad is no label of taxonomy 2026.11"),
        ("  worse:", "  bad:", "acme.yaml:18: bad: is there twice, first on line 17"),
        ("  - good", "  - bad", "acme.yaml:20: safe: bad is there twice: a label is either safe or not"),
        ("threshold: 0.4", "threshold: 1.4", "acme.yaml:14: threshold: must be from 0 to 1, is 1.4"),
        ("threshold: 0.2", "threshold: -1", "acme.yaml:18: threshold: must be from 0 to 1, is -1"),
        ("threshold: 0.4", "threshold: high", "acme.yaml:14: threshold: expected a number"),
        ("default: 0.9", "default: .nan", "acme.yaml:15: default: expected a plain decimal number"),
        ("parser: text_classification", "parser: acme", "acme.yaml:7: parser: acme is no parser; the"),
        ("title: Acme", "name: Acme", "acme.yaml:2: name: is no field here; the fields"),
        ("title: Acme\n", "", "acme.yaml:1: the field title is missing"),
        ("direction: quality", "direction: low", "acme.yaml:13: direction: low is no direction"),
        ("direction: quality", "direction: enum", "acme.yaml:13: score: the direction enum needs a table"),
        ("direction: quality", "direction: severity", "acme.yaml:13: score: the direction severity needs"),
        ("default: 0.9", "table: {High: 1.0}", "acme.yaml:15: High: levels are written in upper case"),
        ("default: 0.9", "max: 0", "acme.yaml:15: max: must be above 0"),
        ("default: 0.9", "of: label\n  of: risk", "acme.yaml:16: of: is there twice, first on line 15"),
        ("default: 0.9", "of: both", "acme.yaml:15: of: must be one of label, risk"),
        ("default: 0.9", "top_wins: 1", "acme.yaml:15: top_wins: expected true or false"),
        ("number: bad", "number: none", "acme.yaml:9: number: none is not under labels"),
        ("vendor: acme", "vendor: Acme", "acme.yaml:1: vendor: must be 'acme', the name of the file"),
        ("vendor: acme", "vendor: [acme]", "acme.yaml:1: vendor: expected a text"),
        ("aliases:\n  - acme-shield", "aliases: acme-shield", "acme.yaml:5: aliases: expected a list"),
        ("  bad: HARM.Other\n", "  bad: 1\n", "acme.yaml:17: bad: expected a mapping"),
    ],
)  # fmt: skip
def test_a_fault_names_file_line_and_key(found: str, instead: str, fault: str, tmp_path: Path) -> None:
    assert found in SOUND
    write(tmp_path, SOUND.replace(found, instead, 1))
    with pytest.raises(DataFaultError) as caught:
        load_vendors(TAXONOMY, tmp_path)
    assert str(caught.value).startswith(fault)


@pytest.mark.parametrize(
    ("found", "instead", "fault"),
    [
        ("{value: 0.7, source: our measurement}", "0.7", "acme.yaml:11: safe_confidence: expected a mapping"),
        (", source: our measurement", "", "acme.yaml:11: safe_confidence: the field source is missing"),
        ("value: 0.7", "value: 1.7", "acme.yaml:11: value: must be from 0 to 1, is 1.7"),
        ("source: our measurement", "source: 1", "acme.yaml:11: source: expected a text"),
        ("is_safe: true", "is_safe: often", "acme.yaml:10: empty_list_is_safe: expected true or false"),
    ],
)
def test_confidence_in_safe_answers_needs_a_figure_and_its_source(
    found: str, instead: str, fault: str, tmp_path: Path
) -> None:
    assert found in SOUND
    write(tmp_path, SOUND.replace(found, instead, 1))
    with pytest.raises(DataFaultError) as caught:
        load_vendors(TAXONOMY, tmp_path)
    assert str(caught.value).startswith(fault)


def test_nothing_is_claimed_for_a_detector_that_nobody_measured(tmp_path: Path) -> None:
    text = SOUND.replace("empty_list_is_safe: true\n", "")
    write(tmp_path, text.replace("safe_confidence: {value: 0.7, source: our measurement}\n", ""))
    (vendor,) = load_vendors(TAXONOMY, tmp_path)
    assert (vendor.safe_confidence, vendor.empty_list_is_safe) == (0.5, False)


def test_two_vendors_cannot_share_a_name(tmp_path: Path) -> None:
    write(tmp_path, SOUND)
    write(
        tmp_path,
        SOUND.replace("vendor: acme", "vendor: zenith").replace("acme-shield", "Acme Shield"),
        "zenith.yaml",
    )
    with pytest.raises(
        DataFaultError, match=r"zenith\.yaml:6: aliases: Acme Shield already means the vendor acme"
    ):
        load_vendors(TAXONOMY, tmp_path)


def test_a_vendor_without_labels_is_refused(tmp_path: Path) -> None:
    write(tmp_path, SOUND.partition("number:")[0] + "labels: {}\n")
    with pytest.raises(DataFaultError, match=r"acme\.yaml:9: labels: a vendor has at least one label"):
        load_vendors(TAXONOMY, tmp_path)
