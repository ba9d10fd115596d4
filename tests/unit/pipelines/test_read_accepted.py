from pathlib import Path

import msgspec
import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import load_vendors
from pipelines.lib.build_dataset import DATA_DIR, DatasetSources
from pipelines.lib.calibration_rows import calibration_candidates
from pipelines.lib.example import Split
from pipelines.lib.families import load_phrasing_families, load_vendor_families
from pipelines.lib.read_accepted import read_accepted
from pipelines.lib.read_phrasings import phrasing_candidates

ANNOTATIONS = DATA_DIR / "annotations.jsonl"
TAXONOMY = load_taxonomy("2026.11")


class Judged(msgspec.Struct):
    vendor: str
    raw: str
    first: list[str]
    second: list[str]


def test_every_line_of_the_committed_list_adds_to_a_row_that_is_scored() -> None:
    sources = DatasetSources()
    families = load_vendor_families(sources.vendor_families)
    ways = load_phrasing_families(sources.phrasing_families)
    tables = {vendor.id: vendor.labels for vendor in load_vendors(TAXONOMY)}
    written = {
        (one.vendor, one.raw): one.label
        for one in (
            *calibration_candidates(sources.calibration),
            *phrasing_candidates(sources.phrasings, ways),
        )
        if one.split is Split.VALIDATION
    }
    for (vendor, raw), also in read_accepted(TAXONOMY.labels).items():
        label = written.get((vendor, raw))
        if label is None:
            assert not families.is_opaque(vendor, raw)
            label = tables[vendor][raw].to
        assert label not in also


def test_a_vendors_label_has_what_both_annotators_named() -> None:
    tables = {vendor.id: vendor.labels for vendor in load_vendors(TAXONOMY)}
    accepted = read_accepted(TAXONOMY.labels)
    judged = [msgspec.json.decode(line, type=Judged) for line in ANNOTATIONS.read_bytes().splitlines()]
    assert {(one.vendor, one.raw) for one in judged} >= {key for key in accepted if key[0] in tables}
    for one in judged:
        assert TAXONOMY.labels.keys() >= {*one.first, *one.second}
        both = {*one.first} & {*one.second} - {tables[one.vendor][one.raw].to}
        assert accepted.get((one.vendor, one.raw), frozenset()) == both


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"vendor":"v","raw":"r","also":[]}', "is empty"),
        ('{"vendor":"v","raw":"r","also":["PII.Nothing"]}', "no label of the edition"),
        ('{"vendor":"v","raw":"r","also":["PII.Other"],"why":"w"}', "why"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "accepted.jsonl"
    path.write_text('{"vendor":"v","raw":"q","also":["PII.Other"]}\n' + line + "\n")
    with pytest.raises(DataFaultError, match=rf"accepted\.jsonl:2: .*{problem}"):
        read_accepted(TAXONOMY.labels, path)


def test_a_row_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    path.write_text('{"vendor":"v","raw":"q","also":["PII.Other"]}\n' * 2)
    with pytest.raises(DataFaultError, match="stands above already"):
        read_accepted(TAXONOMY.labels, path)
