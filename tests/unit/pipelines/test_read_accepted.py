from pathlib import Path

import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import load_vendors
from pipelines.lib.build_dataset import DatasetSources
from pipelines.lib.example import Split
from pipelines.lib.families import load_phrasing_families, load_vendor_families
from pipelines.lib.read_accepted import read_accepted
from pipelines.lib.read_phrasings import phrasing_candidates

TAXONOMY = load_taxonomy("2026.11")


def test_every_line_of_the_committed_list_adds_to_a_row_that_is_scored() -> None:
    sources = DatasetSources()
    families = load_vendor_families(sources.vendor_families)
    ways = load_phrasing_families(sources.phrasing_families)
    tables = {vendor.id: vendor.labels for vendor in load_vendors(TAXONOMY)}
    phrasings = {
        (one.raw, one.label)
        for one in phrasing_candidates(sources.phrasings, ways)
        if one.split is Split.VALIDATION
    }
    for (vendor, raw), also in read_accepted(TAXONOMY.labels).items():
        if vendor == "in_house":
            labels = {label for text, label in phrasings if text == raw}
        else:
            family = families.family_of(vendor)
            assert family is not None
            assert families.split_of(family) in {Split.HELDOUT, Split.VALIDATION}
            assert not families.is_opaque(vendor, raw)
            labels = {tables[vendor][raw].to}
        assert labels
        assert not labels & also


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ('{"vendor":"v","raw":"r","also":[],"why":"w"}', "is empty"),
        ('{"vendor":"v","raw":"r","also":["PII.Nothing"],"why":"w"}', "no label of the edition"),
        ('{"vendor":"v","raw":"r","also":["PII.Other"]}', "why"),
    ],
)
def test_a_fault_names_its_line(tmp_path: Path, line: str, problem: str) -> None:
    path = tmp_path / "accepted.jsonl"
    path.write_text('{"vendor":"v","raw":"q","also":["PII.Other"],"why":"w"}\n' + line + "\n")
    with pytest.raises(DataFaultError, match=rf"accepted\.jsonl:2: .*{problem}"):
        read_accepted(TAXONOMY.labels, path)


def test_a_row_stands_once(tmp_path: Path) -> None:
    path = tmp_path / "accepted.jsonl"
    path.write_text('{"vendor":"v","raw":"q","also":["PII.Other"],"why":"w"}\n' * 2)
    with pytest.raises(DataFaultError, match="stands above already"):
        read_accepted(TAXONOMY.labels, path)
