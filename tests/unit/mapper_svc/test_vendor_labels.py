"""The label file of all vendors: each of its rows must come out right."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.evaluate import evaluate, read_rows
from mapper_svc.domain.evaluated_tiers import by_rule
from mapper_svc.domain.findings import Tier
from mapper_svc.domain.map_payload import map_payload
from mapper_svc.domain.payload import MapperPayload

NOW = datetime(2026, 11, 22, tzinfo=UTC)


def test_every_row_is_right(catalogue: Catalogue, shared_data: Path) -> None:
    with (shared_data / "vendors" / "labels.jsonl").open(encoding="utf-8") as lines:
        rows = list(read_rows(lines, catalogue.taxonomy))
    figures = evaluate(zip(rows, by_rule(rows, catalogue, NOW), strict=True))
    assert figures["rows"] == 896
    assert figures["errors"] == []
    assert figures["accuracy"] == 1.0
    assert figures["macro_f1"] == 1.0


def test_every_row_is_named_by_a_rule_and_alone(catalogue: Catalogue, shared_data: Path) -> None:
    lines = (shared_data / "vendors" / "labels.jsonl").read_text(encoding="utf-8").splitlines()
    for row in map(json.loads, lines):
        result = map_payload(MapperPayload(row["vendor"], row["raw"]), catalogue=catalogue, now=NOW)
        assert [(one.tier, one.raw.label) for one in result.findings] == [(Tier.RULE, row["raw"])]


def test_a_code_means_what_its_vendor_says(catalogue: Catalogue) -> None:
    meant = {
        vendor: map_payload(MapperPayload(vendor, "S10"), catalogue=catalogue, now=NOW)
        .findings[0]
        .taxonomy[0]
        for vendor in ("llama_guard_3_4", "llama_guard_2", "nvidia_nemotron_content_safety_22")
    }
    assert meant == {
        "llama_guard_3_4": "HARM.SPEECH.Hate.Other",
        "llama_guard_2": "HARM.SELFHARM.Content",
        "nvidia_nemotron_content_safety_22": "HARM.SPEECH.Harassment",
    }


@pytest.mark.parametrize(
    ("name", "vendor"),
    [
        ("Presidio-Analyzer", "presidio_analyzer"),
        ("presidio analyzer", "presidio_analyzer"),
        ("hf:unitary/toxic-bert (Detoxify original)", "detoxify_original"),
        ("unitary/toxic-bert", "detoxify_original"),
        ("PROMPT_GUARDRAIL", "prompt_guardrail"),
    ],
)
def test_a_vendor_is_found_by_id_or_alias_in_any_spelling(
    catalogue: Catalogue, name: str, vendor: str
) -> None:
    found = catalogue.resolve(name)
    assert found is not None
    assert found.id == vendor


def test_the_version_of_a_detector_is_no_alias_of_another(catalogue: Catalogue) -> None:
    two = catalogue.resolve("Llama-Guard-2")
    assert two is not None
    assert two.id == "llama_guard_2"
    assert catalogue.resolve("llama_guard_5") is None


def test_everything_is_loaded_within_seconds() -> None:
    started = time.perf_counter()
    load_catalogue("2026.11")
    assert time.perf_counter() - started < 5
