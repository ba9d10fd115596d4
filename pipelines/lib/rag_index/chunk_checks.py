"""What must be true of chunks before they are indexed, as a Great Expectations suite."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

# Great Expectations sends usage reports unless it is told not to before it is imported.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.data_context.types.base import ProgressBarsConfig

from analysis_svc.domain.knowledge.chunk import CHUNK_LIMIT, CONTEXT_LIMIT
from analysis_svc.domain.knowledge.passages import Chunk

LEAST_NAMED = 0.9
"""Share of chunks that must have the name of a place; a reader that lost them would fall under it."""
MOST_REPEATED = 0.1
"""Share of chunks that may have the words of another one; laws repeat themselves, but not more."""


@dataclass(frozen=True, slots=True)
class ChunkCheck:
    """How the checks ended; `failures` has one line for each expectation that was not met."""

    passed: bool
    expected: int
    failures: tuple[str, ...]


def check_chunks(chunks: Sequence[Chunk]) -> ChunkCheck:
    """Hold the chunks of one text to the suite."""
    table = pd.DataFrame(
        {
            "ordinal": [one.ordinal for one in chunks],
            "ref_id": [one.ref_id or None for one in chunks],
            "text": [one.text for one in chunks],
            "context": [one.context for one in chunks],
            "in_order": [place == one.ordinal for place, one in enumerate(chunks)],
            "trimmed": [one.text == one.text.strip() for one in chunks],
        }
    )
    table["first_of_its_words"] = ~table["text"].duplicated()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("chunks")
    asset = source.add_dataframe_asset("chunks")
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch({"dataframe": table})
    validation = batch.validate(
        ExpectationSuite(
            name="chunks",
            expectations=[
                gxe.ExpectTableRowCountToBeBetween(min_value=1),
                gxe.ExpectColumnValuesToBeUnique(column="ordinal"),
                gxe.ExpectColumnValuesToBeInSet(column="in_order", value_set=[True]),
                gxe.ExpectColumnValueLengthsToBeBetween(column="text", min_value=1, max_value=CHUNK_LIMIT),
                gxe.ExpectColumnValueLengthsToBeBetween(column="context", max_value=CONTEXT_LIMIT),
                gxe.ExpectColumnValuesToBeInSet(column="trimmed", value_set=[True]),
                gxe.ExpectColumnValuesToNotBeNull(column="ref_id", mostly=LEAST_NAMED),
                gxe.ExpectColumnValuesToBeInSet(
                    column="first_of_its_words", value_set=[True], mostly=1 - MOST_REPEATED
                ),
            ],
        )
    )
    results: list[dict[str, Any]] = validation.to_json_dict()["results"]  # type: ignore[no-untyped-call]
    failures = tuple(
        f"{one['expectation_config']['type']} of {one['expectation_config']['kwargs'].get('column', 'table')}"
        for one in results
        if not one["success"]
    )
    return ChunkCheck(bool(validation.success), len(results), failures)
