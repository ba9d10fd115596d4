"""The guide's example loads and maps, and its faults are word for word those of the loader."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import VENDORS_DIR, load_vendors
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload

TAXONOMY = load_taxonomy("2026.11")
GUIDE = (Path(__file__).parents[3] / "docs" / "guides" / "adding-a-vendor.md").read_text(encoding="utf-8")
EXAMPLE, FAULTS = re.findall(r"```(?:yaml|text)\n(.*?)```", GUIDE, flags=re.DOTALL)
CHANGES = [
    ("toxic: HARM.SPEECH.Toxicity", "toxic: HARM.SPEECH.Toxic"),
    ("  leak:", "  toxic:"),
    ("threshold: 0.5", "threshold: 5"),
    ("direction: risk", "direction: low"),
    ("  - acme\n", "  - presidio\n"),
    ("  - ok", "  - toxic"),
    ("title: Acme Shield\n", ""),
]


def folder_with(text: str, folder: Path) -> Path:
    (folder / "acme_shield.yaml").write_text(text, encoding="utf-8")
    known = "presidio_analyzer.yaml"
    (folder / known).write_text((VENDORS_DIR / known).read_text(encoding="utf-8"), encoding="utf-8")
    return folder


def test_the_example_maps_as_the_guide_says(tmp_path: Path) -> None:
    catalogue = Catalogue(TAXONOMY, load_vendors(TAXONOMY, folder_with(EXAMPLE, tmp_path)))

    def labels(output: object) -> list[str]:
        result = map_payload(MapperPayload("Acme", output), catalogue=catalogue, now=datetime.now(UTC))
        return [finding.taxonomy[0] for finding in result.findings]

    assert labels([{"label": "toxic", "score": 0.93}]) == ["HARM.SPEECH.Toxicity"]
    assert labels([{"label": "politeness", "score": 0.1}]) == ["HARM.SPEECH.Insult"]
    assert labels([{"label": "politeness", "score": 0.9}]) == ["OTHER.Safe"]
    assert labels("ok") == ["OTHER.Safe"]
    assert labels(0.3) == ["OTHER.ModelError"]


@pytest.mark.parametrize(("change", "fault"), list(zip(CHANGES, FAULTS.splitlines(), strict=True)))
def test_a_fault_reads_as_the_guide_says(change: tuple[str, str], fault: str, tmp_path: Path) -> None:
    assert change[0] in EXAMPLE
    with pytest.raises(DataFaultError) as caught:
        load_vendors(TAXONOMY, folder_with(EXAMPLE.replace(*change, 1), tmp_path))
    assert str(caught.value) == fault
