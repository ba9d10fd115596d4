"""MapperPayload: what the detectors said, handed to mapper_svc. Never the content."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

MAX_BYTES = 64 * 1024
# What surrounds the provenance in a payload: its own names and numbers, and JSON punctuation.
_ENVELOPE_BYTES = 1024
# Names of an entry's fields, its two numbers and its punctuation.
_FIELD_BYTES = 192
AGGREGATE = "aggregate"
_WRITTEN = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Provenance:
    """What one detector said.

    Attributes:
        detector: its name.
        vendor: whose labels it speaks.
        version: of the library or service behind it.
        confidence: its own, in [0, 1], where it gives one.
        output: labels, offsets, scores and severities as JSON values; never text.
        processing_time_ms: how long it took.
    """

    detector: str
    vendor: str
    version: str
    confidence: float | None
    output: object
    processing_time_ms: float


@dataclass(frozen=True, slots=True)
class MapperPayload:
    """One hand-over of at most 64 KB of JSON."""

    detector: str
    contributing_detectors: tuple[str, ...]
    provenance: tuple[Provenance, ...]
    aggregation_method: str
    coverage_achieved: float


def build_payloads(
    provenance: Sequence[Provenance], *, coverage_achieved: float, aggregation_method: str
) -> list[MapperPayload]:
    """Put what was said into as few payloads of at most 64 KB as it needs.

    Repeated entries of a list are dropped first; what is still too large is split, list by list. Nothing
    is cut off: an entry that alone is over the limit cannot occur, as adapters bound what they return.
    """
    limit = MAX_BYTES - _ENVELOPE_BYTES
    groups: list[list[Provenance]] = [[]]
    room = limit
    for part, size in (piece for said in provenance for piece in _pieces(said, limit)):
        if groups[-1] and size > room:
            groups.append([])
            room = limit
        groups[-1].append(part)
        room -= size
    return [
        MapperPayload(
            detector=AGGREGATE,
            contributing_detectors=tuple(dict.fromkeys(part.detector for part in group)),
            provenance=tuple(group),
            aggregation_method=aggregation_method,
            coverage_achieved=coverage_achieved,
        )
        for group in groups
        if group
    ]


def _pieces(said: Provenance, limit: int) -> Iterator[tuple[Provenance, int]]:
    """Give the parts of an entry, each with its size in bytes."""
    around = _around(said.detector, said.vendor, said.version)
    whole = _size(said.output) + around
    if not isinstance(said.output, list) or whole <= limit:
        yield said, whole
        return
    chunk: list[object] = []
    used = around
    for entry in _without_repeats(said.output):
        size = _size(entry) + 1
        if chunk and used + size > limit:
            yield replace(said, output=chunk), _size(chunk) + around
            chunk, used = [], around
        chunk.append(entry)
        used += size
    if chunk:
        yield replace(said, output=chunk), _size(chunk) + around


def _without_repeats(entries: list[object]) -> list[object]:
    return list({json.dumps(entry, sort_keys=True): entry for entry in entries}.values())


@lru_cache(maxsize=1024)
def _around(detector: str, vendor: str, version: str) -> int:
    """Bytes that an entry takes besides its output; its detector is named once more in the envelope."""
    return _FIELD_BYTES + _size([detector, detector, vendor, version])


def _size(value: object) -> int:
    return len(_WRITTEN(value).encode())
