"""Native payloads, sound and spoiled, of every vendor whose output is read."""

import copy
import math
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.payload import MapperPayload

PAYLOADS = yaml.safe_load(
    (Path(__file__).parents[2] / "data" / "mapper_svc" / "native_payloads.yaml").read_text(encoding="utf-8")
)
JUNK: list[Any] = [
    None,
    True,
    False,
    7,
    -3.5,
    math.nan,
    math.inf,
    10**400,
    "",
    "junk",
    "x" * 5000,
    [],
    {},
    [[[]]],
    {"a": {"b": 1}},
]
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)


def labels(result: Any) -> Counter[str]:
    return Counter(finding.taxonomy[0] for finding in result.findings)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yields the path of every value below the top."""
    entries = (
        value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    )
    for key, inner in entries:
        yield (*path, key)
        yield from places(inner, (*path, key))


def spoiled(payload: Any, path: tuple[Any, ...], junk: Any) -> Any:
    changed = copy.deepcopy(payload)
    target = changed
    for key in path[:-1]:
        target = target[key]
    target[path[-1]] = junk
    return changed


@pytest.mark.parametrize("vendor", PAYLOADS)
def test_hits_are_found_and_no_text_comes_back(vendor: str, map_now: Any) -> None:
    result = map_now(MapperPayload(vendor, PAYLOADS[vendor]["hit"]))
    assert labels(result) == Counter(PAYLOADS[vendor]["gives"])
    assert "canary" not in repr(result)
    assert not result.fallback_used


@pytest.mark.parametrize("vendor", PAYLOADS)
def test_clean_payload_is_safe(vendor: str, map_now: Any) -> None:
    result = map_now(MapperPayload(vendor, PAYLOADS[vendor]["clean"]))
    assert labels(result) == Counter(["OTHER.Safe"])
    assert result.findings[0].scores == {"OTHER.Safe": 0.0}


def test_every_vendor_with_a_parser_has_a_payload(catalogue: Catalogue) -> None:
    covered = {catalogue.vendors[vendor].parser for vendor in PAYLOADS}
    assert {vendor.parser for vendor in catalogue.vendors.values()} - covered == {"nemotron_23"}


@pytest.mark.parametrize("vendor", PAYLOADS)
def test_a_wrong_type_anywhere_in_a_flagged_payload_is_never_safe(vendor: str, map_now: Any) -> None:
    """Only a value that is itself a sound "no" may clear a payload: these are none, or are no verdict."""
    hit = PAYLOADS[vendor]["hit"]
    sound_no = {False, 7, -3.5}
    for path in places(hit):
        for junk in JUNK:
            if isinstance(junk, bool | int | float) and junk in sound_no:
                continue
            if junk in ([], {}, [[[]]], None) and _is_list_of_hits(hit, path):
                continue
            result = map_now(MapperPayload(vendor, spoiled(hit, path, junk)))
            assert labels(result) != Counter(["OTHER.Safe"]), (path, junk)


def _is_list_of_hits(payload: Any, path: tuple[Any, ...]) -> bool:
    """Whether emptying this place takes every hit away: that is a clean payload, not a broken one."""
    for key in path:
        payload = payload[key]
    return isinstance(payload, list | dict) or payload is True


@pytest.mark.parametrize("vendor", PAYLOADS)
@pytest.mark.parametrize(
    "junk", [junk for junk in JUNK if junk not in ([], [[[]]])], ids=lambda junk: repr(junk)[:20]
)
def test_junk_instead_of_a_payload_is_never_safe(vendor: str, junk: Any, map_now: Any) -> None:
    assert labels(map_now(MapperPayload(vendor, junk))).keys() != {"OTHER.Safe"} or isinstance(
        junk, float | int
    )


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_any_json_gives_findings_and_no_exception(
    catalogue: Catalogue, map_now: Any, data: st.DataObject
) -> None:
    vendor = data.draw(st.sampled_from(sorted(catalogue.vendors)))
    payload = data.draw(json_values | st.sampled_from([entry["hit"] for entry in PAYLOADS.values()]))
    if isinstance(payload, dict | list) and payload and data.draw(st.booleans()):
        path = data.draw(st.sampled_from(list(places(payload))))
        payload = spoiled(payload, path, data.draw(json_values))
    result = map_now(MapperPayload(vendor, payload))
    assert result.findings
    for finding in result.findings:
        assert all(label in catalogue.taxonomy.labels for label in finding.taxonomy)
        assert all(0.0 <= risk <= 1.0 for risk in finding.scores.values())
        assert 0.0 <= finding.confidence <= 1.0
        assert finding.occurrences >= 1
        assert len(finding.notes) <= 500
        assert len(finding.raw.label) <= 200


@pytest.mark.parametrize("vendor", sorted(PAYLOADS))
def test_deep_and_huge_payloads_are_answered(vendor: str, map_now: Any) -> None:
    deep: Any = "leaf"
    for _ in range(900):
        deep = {"run_shield": deep, "results": [deep]} if not isinstance(deep, str) else {"a": deep}
    for payload in (deep, [deep], "[" * 50_000, '{"a":' * 50_000, [{"label": "x"}] * 2_000, "x" * 60_000):
        assert labels(map_now(MapperPayload(vendor, payload))).keys() != {"OTHER.Safe"}
