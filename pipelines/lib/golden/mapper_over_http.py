from collections.abc import Iterator, Sequence
from typing import Any

import httpx
import msgspec

from pipelines.lib.golden.golden_row import GoldenRow
from pipelines.lib.golden.judge import Answer, Answered

_AT_ONCE = 50


class _Finding(msgspec.Struct, frozen=True):
    taxonomy: tuple[str, ...]
    scores: dict[str, float]
    tier: str


class _Mapped(msgspec.Struct, frozen=True):
    findings: tuple[_Finding, ...]


class MapperOverHttp:
    """Asks a running mapper for the rows of the golden set, fifty at a time."""

    def __init__(self, client: httpx.Client) -> None:
        """Takes a client whose base URL is the mapper's and that sends a token with the right to map."""
        self._client = client

    def __call__(self, rows: Sequence[GoldenRow]) -> Iterator[Answer]:
        """Yields one answer for each row, in order.

        Raises:
            httpx.HTTPError: the mapper cannot be reached or answers with an error.
            msgspec.ValidationError: the answer is of another shape.
        """
        for first in range(0, len(rows), _AT_ONCE):
            some = rows[first : first + _AT_ONCE]
            answered = self._client.post("/api/v1/map/batch", json={"items": [_item(row) for row in some]})
            answered.raise_for_status()
            results = answered.json()["results"]
            if len(results) != len(some):
                raise msgspec.ValidationError("there are not as many results as items")
            yield from (_answer(result) for result in results)


def _item(row: GoldenRow) -> dict[str, Any]:
    entry: dict[str, Any] = {"detector": row.name, "output": row.output}
    if row.version is not None:
        entry["version"] = row.version
    return {"detector": row.name, "metadata": {"provenance": [entry]}}


def _answer(result: object) -> Answer:
    mapped = msgspec.convert(result, _Mapped)
    found = (
        Answered(label, finding.scores[label], finding.tier)
        for finding in mapped.findings
        for label in finding.taxonomy
    )
    return Answer(tuple(found), msgspec.json.encode(result).decode())
