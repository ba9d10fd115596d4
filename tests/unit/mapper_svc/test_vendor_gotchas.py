"""Every oddity of a vendor's output is a case of gotchas.yaml, or has a reason there not to be."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.payload import MapperPayload, ProvenanceEntry

TABLE = yaml.safe_load(
    (Path(__file__).parents[2] / "data" / "mapper_svc" / "gotchas.yaml").read_text(encoding="utf-8")
)
CASES = [
    pytest.param(vendor, case, id=f"{vendor}: {gotcha['says']} ({number})")
    for vendor, gotchas in TABLE.items()
    for gotcha in gotchas
    for number, case in enumerate(gotcha.get("cases", []), start=1)
]


@pytest.mark.parametrize(("vendor", "case"), CASES)
def test_gotcha_is_read_as_it_is_meant(vendor: str, case: dict[str, Any], map_now: Any) -> None:
    entry = ProvenanceEntry(
        detector=case.get("vendor", vendor), output=case["output"], version=case.get("version")
    )
    result = map_now(MapperPayload("aggregate", provenance=(entry,)))
    wanted = [label.partition("=") for label in case["gives"]]
    assert Counter(finding.taxonomy[0] for finding in result.findings) == Counter(one[0] for one in wanted)
    risks = sorted((f.taxonomy[0], f.scores[f.taxonomy[0]]) for f in result.findings)
    for label, _, risk in wanted:
        assert not risk or (label, float(risk)) in risks
    if "confidence_below" in case:
        assert result.findings[0].confidence < case["confidence_below"]
    assert "canary" not in repr(result)


def test_every_gotcha_has_cases_or_a_reason() -> None:
    for vendor, gotchas in TABLE.items():
        for gotcha in gotchas:
            assert bool(gotcha.get("cases")) != bool(gotcha.get("not_ours")), (vendor, gotcha["says"])


def test_every_gotcha_of_the_shapes_file_is_in_the_table(shared_data: Path) -> None:
    shapes = json.loads((shared_data / "vendors" / "shapes.json").read_text(encoding="utf-8"))
    listed = {vendor: len(shape["gotchas"]) for vendor, shape in shapes.items() if shape.get("gotchas")}
    assert {vendor: len(gotchas) for vendor, gotchas in TABLE.items()} == listed


def test_every_vendor_of_the_table_is_known_or_an_adapter(catalogue: Catalogue) -> None:
    adapters = {"litellm_generic_guardrail_api", "any_guardrail_output", "kserve_v2_classifier"}
    assert {vendor for vendor in TABLE if catalogue.resolve(vendor) is None} == adapters


def test_native_shapes_of_adapters_are_never_safe(shared_data: Path, map_now: Any) -> None:
    shapes = json.loads((shared_data / "vendors" / "shapes.json").read_text(encoding="utf-8"))
    for vendor, shape in shapes.items():
        if shape["kind"] == "adapter":
            result = map_now(MapperPayload(vendor, shape["output_shape"]))
            assert [finding.taxonomy for finding in result.findings] == [("OTHER.ModelError",)]
