"""An output that says nothing at all is clean only where the vendor says that its silence looks so."""

from typing import Any

import pytest

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.payload import MapperPayload

EMPTY: list[Any] = [[], [[]], [[], []], "[]", "[[]]", " [ ] "]
SILENT_WITH_AN_EMPTY_LIST = {
    "bert_base_ner",
    "detect_secrets",
    "fms_detectors_api",
    "ibm_granite_guardian_hap",
    "llm_guard_pii_entities",
    "presidio_analyzer",
    "trustyai_builtin_file_type",
    "trustyai_builtin_regex",
    "trustyai_hf_runtime",
}


def labels(result: Any) -> list[str]:
    return [finding.taxonomy[0] for finding in result.findings]


@pytest.mark.parametrize("output", EMPTY, ids=repr)
def test_an_empty_list_is_clean_only_of_vendors_that_declare_it(
    output: Any, catalogue: Catalogue, map_now: Any
) -> None:
    clean = set()
    for vendor in catalogue.vendors:
        (label,) = labels(map_now(MapperPayload(vendor, output)))
        assert label in {"OTHER.Safe", "OTHER.ModelError"}, vendor
        if label == "OTHER.Safe":
            clean.add(vendor)
    assert clean <= SILENT_WITH_AN_EMPTY_LIST
    assert {vendor.id for vendor in catalogue.vendors.values() if vendor.empty_list_is_safe} == (
        SILENT_WITH_AN_EMPTY_LIST
    )


@pytest.mark.parametrize("output", EMPTY, ids=repr)
def test_an_empty_list_of_a_detector_that_nobody_knows_is_not_clean(output: Any, map_now: Any) -> None:
    assert labels(map_now(MapperPayload("nobody", output))) == ["OTHER.ModelError"]


@pytest.mark.parametrize("vendor", ["presidio", "detect_secrets", "fms"])
def test_silence_of_the_bundled_list_detectors_is_clean(vendor: str, map_now: Any) -> None:
    assert labels(map_now(MapperPayload(vendor, []))) == ["OTHER.Safe"]


def test_an_empty_part_is_not_cleared_by_the_others(map_now: Any) -> None:
    parts = [[], [{"label": "BENIGN", "score": 0.99}]]
    assert labels(map_now(MapperPayload("prompt_guard_2", parts))) == ["OTHER.ModelError"]
    parts = [[], [{"label": "MALICIOUS", "score": 0.99}]]
    assert labels(map_now(MapperPayload("prompt_guard_2", parts))) == [
        "PROMPT_INJECTION.Other",
        "OTHER.ModelError",
    ]
