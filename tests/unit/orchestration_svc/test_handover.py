import json
from collections import Counter

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration_svc.adapters.mapper_client import payload_out
from orchestration_svc.domain.handover import MAX_BYTES, MapperPayload, Provenance, build_payloads

NAME = st.text(st.characters(min_codepoint=0x21, exclude_categories=["Cs", "Cc"]), min_size=1, max_size=128)
ENTRY = st.one_of(
    st.builds(
        lambda label, start, score, size: {"label": label * size, "start": start, "score": score},
        st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20),
        st.integers(0, 9),
        st.floats(0, 1),
        st.sampled_from([1, 1, 50, 500]),
    ),
    st.sampled_from(["EMAIL", "x" * 200, "\U0001f512" * 200]),
)
OUTPUT = st.one_of(
    st.sampled_from(["safe", "unsafe\nS1", 0.5, {"flagged": False, "why": "y" * 15_000}]),
    st.builds(lambda entries, times: entries * times, st.lists(ENTRY, max_size=12), st.integers(1, 30)),
)
SAID = st.lists(
    st.builds(
        Provenance,
        detector=NAME,
        vendor=NAME,
        version=NAME,
        confidence=st.none() | st.floats(0, 1),
        output=OUTPUT,
        processing_time_ms=st.floats(0, 60_000),
    ),
    max_size=12,
)


def said(detector: str, output: object) -> Provenance:
    return Provenance(detector, detector, "1", None, output, 1.0)


def payloads(*parts: Provenance) -> list[MapperPayload]:
    return build_payloads(parts, coverage_achieved=0.5, aggregation_method="REQUIRED_SET")


def entries(parts: list[Provenance]) -> dict[str, Counter[str]]:
    """What each detector said: the entries of lists by themselves, anything else whole."""
    heard: dict[str, Counter[str]] = {}
    for part in parts:
        each = part.output if isinstance(part.output, list) else [part.output]
        heard.setdefault(part.detector, Counter()).update(json.dumps(one, sort_keys=True) for one in each)
    return heard


def bytes_on_the_wire(payload: MapperPayload) -> int:
    return len(msgspec.json.encode(payload_out(payload)))


def test_what_fits_goes_over_in_one_untouched_payload() -> None:
    parts = [said("a", [{"label": "X"}, {"label": "X"}]), said("b", "safe"), said("c", [])]
    (payload,) = payloads(*parts)
    assert list(payload.provenance) == parts
    assert payload.contributing_detectors == ("a", "b", "c")
    assert (payload.detector, payload.coverage_achieved) == ("aggregate", 0.5)


def test_repeats_are_dropped_before_anything_is_split() -> None:
    (payload,) = payloads(said("a", [{"label": "L" * 150, "start": n % 7} for n in range(5_000)]))
    (part,) = payload.provenance
    assert isinstance(part.output, list)
    assert len(part.output) == 7


def test_long_output_is_split_over_payloads_that_name_its_detector() -> None:
    found = payloads(said("a", [{"label": "L" * 150, "start": n} for n in range(1_500)]), said("b", "safe"))
    assert len(found) > 3
    assert all("a" in payload.contributing_detectors for payload in found)
    assert [payload.contributing_detectors for payload in found][-1] == ("a", "b")


def test_nothing_said_makes_no_payload() -> None:
    assert payloads() == []


def test_detector_that_found_nothing_is_still_handed_over() -> None:
    long = [{"label": "L" * 150, "start": n} for n in range(1_500)]
    found = payloads(said("a", long), said("quiet", []))
    assert "quiet" in found[-1].contributing_detectors


@settings(max_examples=60, deadline=None)
@given(parts=SAID)
def test_payloads_are_within_the_limit_and_nothing_is_lost(parts: list[Provenance]) -> None:
    found = payloads(*parts)
    assert all(bytes_on_the_wire(payload) <= MAX_BYTES for payload in found)
    before = entries(parts)
    after = entries([part for payload in found for part in payload.provenance])
    assert {name: set(heard) for name, heard in after.items()} == {
        name: set(heard) for name, heard in before.items()
    }
    assert all(
        after[name][entry] <= count for name, heard in before.items() for entry, count in heard.items()
    )
    for payload in found:
        assert {part.detector for part in payload.provenance} == set(payload.contributing_detectors)


@settings(max_examples=60, deadline=None)
@given(parts=SAID)
def test_every_piece_keeps_whose_it_is(parts: list[Provenance]) -> None:
    whose = {(one.detector, one.vendor, one.version, one.confidence, one.processing_time_ms) for one in parts}
    for payload in payloads(*parts):
        for one in payload.provenance:
            assert (
                one.detector,
                one.vendor,
                one.version,
                one.confidence,
                one.processing_time_ms,
            ) in whose
