import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.domain.catalogue import Catalogue
from pipelines.lib.golden.read_golden import read_golden

GOOD = {
    "id": "presidio_analyzer/h001",
    "vendor": "presidio_analyzer",
    "output": [{"entity_type": "PERSON", "score": 0.9, "text": "hidden one"}],
    "expected": {"findings": {"PII.Person.Name": [0.8, 1.0]}},
    "why": "a name",
}


@pytest.fixture
def read(tmp_path: Path, catalogue: Catalogue) -> Callable[..., None]:
    def run(*rows: dict[str, Any] | str) -> None:
        lines = [row if isinstance(row, str) else json.dumps(row) for row in rows]
        (tmp_path / "presidio_analyzer.jsonl").write_text("\n".join(lines), encoding="utf-8")
        read_golden(catalogue.taxonomy, tmp_path)

    return run


def other(**changed: object) -> dict[str, Any]:
    return {**GOOD, "id": "presidio_analyzer/h002", "output": [], **changed}


def expecting(findings: object, **given: object) -> dict[str, Any]:
    return other(expected={"findings": findings, **given})


@pytest.mark.parametrize(
    ("second", "fault"),
    [
        ("{", "presidio_analyzer.jsonl:2"),
        ("[]", "presidio_analyzer.jsonl:2"),
        (other(colour="blue"), "presidio_analyzer.jsonl:2"),
        (other(id="presidio_analyzer/1"), "presidio_analyzer.jsonl:2"),
        (other(id="presidio_analyzer/h001"), "2: id: presidio_analyzer/h001 is already that of line 1"),
        (other(output=GOOD["output"]), "2: output: is the same payload as in line 1"),
        (other(vendor="llm_guard"), "2: vendor: must be 'presidio_analyzer'"),
        (other(id="llm_guard/h002"), "2: vendor: must be 'presidio_analyzer'"),
        (other(hidden=["not there"]), "2: hidden: 'not there' is not in the payload"),
        (expecting({}), "2: findings: every payload comes to at least one finding"),
        (expecting({"PII.Nothing": None}), "2: PII.Nothing: is no label of taxonomy 2026.11"),
        (expecting({"PII.Person.Name": [0.9, 0.1]}), "2: PII.Person.Name: the lowest risk is above"),
        (expecting({"PII.Person.Name": [0, 2]}), "presidio_analyzer.jsonl:2"),
        (expecting({"PII.Person.Name": None}, tier="guess"), "presidio_analyzer.jsonl:2"),
    ],
)
def test_a_fault_names_file_and_line(
    read: Callable[..., None], second: dict[str, Any] | str, fault: str
) -> None:
    with pytest.raises(DataFaultError) as error:
        read(GOOD, second)

    assert fault in str(error.value)


def test_a_payload_may_come_again_under_another_version(read: Callable[..., None]) -> None:
    read(GOOD, other(output=GOOD["output"], version="3"))


def test_a_folder_without_rows_is_a_fault(tmp_path: Path, catalogue: Catalogue) -> None:
    with pytest.raises(DataFaultError, match="there is no golden set"):
        read_golden(catalogue.taxonomy, tmp_path)
