"""A fault in a data file stops the start and names file and line."""

import re
import shutil
from pathlib import Path

import pytest

from analysis_svc.adapters.catalogue_files import SHIPPED, load_catalogue
from analysis_svc.adapters.yaml_entry import DataFileError

EMAIL = "PII.Contact.Email:\n"
SAFE = "OTHER.Safe: {none:"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return Path(shutil.copytree(SHIPPED, tmp_path / "data"))


def edit(path: Path, old: str, new: str) -> int:
    """Replace the first `old` of a file and return the line (from 1) where it began."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return text[: text.index(old)].count("\n") + 1


def test_shipped_data_is_sound(data: Path) -> None:
    assert len(load_catalogue("2026.11", data).taxonomy.labels) == 114


@pytest.mark.parametrize(
    ("file", "old", "new", "message"),
    [
        ("control-map/personal-data.yaml", EMAIL, "PII.Contact.Mail:\n", "'PII.Contact.Mail' is no label"),
        ("control-map/personal-data.yaml", "PII.Contact.Phone:\n", EMAIL, "is given twice"),
        ("control-map/secrets.yaml", "SECRET.Other:\n", "PII.Other:\n", "is mapped in another file"),
        ("control-map/secrets.yaml", "iso27001 A.8.24", "iso27001 A.8.99", "'A.8.99' is no control"),
        ("control-map/secrets.yaml", "soc2 CC6.1", "soc3 CC6.1", "unknown framework 'soc3'"),
        ("control-map/secrets.yaml", "relation: direct", "relation: strong", "'strong' is not one of"),
        (
            "control-map/topics-quality-system.yaml",
            'why: "Politics',
            'reason: "Politics',
            "unknown key 'reason'",
        ),
        ("frameworks/gdpr.yaml", "id: gdpr", "id: dsgvo", "does not match the file's name"),
        ("frameworks/gdpr.yaml", "judged_on: programme", "judged_on: mood", "'mood' is not one of"),
        ("taxonomy/2026.11.yaml", "{severity: 0.4, title", "{severity: 4, title", "between 0 and 1"),
        ("taxonomy/2026.11.yaml", "{severity: 0.4, title", "{severity: nan, title", "between 0 and 1"),
        ("taxonomy/2026.11.yaml", "{severity: 0.4, title", "{severity: much, title", "expected a number"),
        ("taxonomy/2026.11.yaml", "PII.Person.Name:", "person name:", "is no label"),
        ("frameworks/gdpr.yaml", "default: true", "default: maybe", "expected true or false"),
        (
            "control-map/further/pci-dss.yaml",
            '"3.4.1"',
            '"3.4.9"',
            "'3.4.9' is no control of framework pci-dss",
        ),
        ("control-map/further/pci-dss.yaml", "SECRET.ApiKey:", "SECRET.Key:", "'SECRET.Key' is no label"),
        ("control-map/further/pci-dss.yaml", "SECRET.ApiKey:", "OTHER.Safe:", "bears on no control"),
        ("crosswalks/threats.yaml", "AML.T0051:", "AML.T9999:", "'AML.T9999' is no control"),
        ("crosswalks/threats.yaml", "overlap: equal", "overlap: same", "'same' is not one of"),
        (
            "crosswalks/threats.yaml",
            "to: nist-ai-600-1 2.9",
            'to: "owasp-llm-2026 LLM01:2026"',
            "tied already",
        ),
        ("remediations.yaml", "SECRET.PrivateKey:\n", "SECRET.Key:\n", "neither a label nor the beginning"),
        ("remediations.yaml", "[iso27001 A.6.3]", "[]", "at least one element"),
        ("patterns.yaml", "[[SECRET], ", "[", "would play|at least two parts|expected a list"),
    ],
)
def test_fault_names_file_and_line(data: Path, file: str, old: str, new: str, message: str) -> None:
    line = edit(data / file, old, new)
    with pytest.raises(DataFileError) as caught:
        load_catalogue("2026.11", data)
    place, _, detail = str(caught.value).partition(": ")
    assert re.search(message, detail)
    path, _, number = place.rpartition(":")
    assert path.endswith(file)
    assert abs(int(number) - line) <= 2


def test_label_without_mapping_is_a_fault(data: Path) -> None:
    edit(data / "control-map/topics-quality-system.yaml", SAFE, "# OTHER.Safe: {none:")
    with pytest.raises(DataFileError, match=r"no mapping for OTHER\.Safe"):
        load_catalogue("2026.11", data)


def test_rationale_of_a_neighbour_is_a_fault(data: Path) -> None:
    path = data / "control-map/secrets.yaml"
    lines = path.read_text(encoding="utf-8").splitlines()
    whys = [index for index, line in enumerate(lines) if "why:" in line]
    first, second = whys[0], whys[-1]
    lines[second] = lines[second].partition("why:")[0] + "why:" + lines[first].partition("why:")[2]
    path.write_text("\n".join(lines), encoding="utf-8")
    with pytest.raises(
        DataFileError, match=f"{second + 1}: the same rationale stands at secrets.yaml:{first + 1}"
    ):
        load_catalogue("2026.11", data)


def test_missing_rationale_is_a_fault(data: Path) -> None:
    path = data / "control-map/secrets.yaml"
    path.write_text(
        re.sub(r', why: "[^"]*"', "", path.read_text(encoding="utf-8"), count=1), encoding="utf-8"
    )
    with pytest.raises(DataFileError, match=r"secrets.yaml:\d+: missing why"):
        load_catalogue("2026.11", data)


def test_label_without_advice_is_a_fault(data: Path) -> None:
    path = data / "remediations.yaml"
    kept = re.sub(r"^TOPIC:\n  - .*\n", "", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    path.write_text(kept, encoding="utf-8")
    with pytest.raises(DataFileError, match=r"remediations.yaml: no advice covers TOPIC\."):
        load_catalogue("2026.11", data)


def test_text_that_is_no_yaml_is_a_fault_with_its_line(data: Path) -> None:
    (data / "patterns.yaml").write_text("a: 1\nb: [1, 2\nc: 3\n", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"patterns.yaml:\d: not valid YAML"):
        load_catalogue("2026.11", data)


def test_empty_file_is_a_fault(data: Path) -> None:
    (data / "patterns.yaml").write_text("# nothing\n", encoding="utf-8")
    with pytest.raises(DataFileError, match=r"patterns.yaml:1: the file is empty"):
        load_catalogue("2026.11", data)


def test_unknown_edition_is_a_fault_that_names_the_file(data: Path) -> None:
    with pytest.raises(DataFileError, match=r"2031.01.yaml: No such file"):
        load_catalogue("2031.01", data)
