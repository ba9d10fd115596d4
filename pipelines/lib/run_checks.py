import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

# Great Expectations sends usage reports unless it is told not to before it is imported.
os.environ["GX_ANALYTICS_ENABLED"] = "false"

import great_expectations as gx
from great_expectations.core.expectation_suite import ExpectationSuite
from great_expectations.data_context.types.base import ProgressBarsConfig

from pipelines.lib.dataset_checks import CHECKS, DatasetCheck
from pipelines.lib.example import Example

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """How a check ended.

    Attributes:
        check: the check.
        passed: whether every expectation was met.
        expected: number of expectations.
        met: how many of them were met.
        failures: one line per expectation that was not met, with some of what broke it.
        result: what Great Expectations says of the suite, as JSON values.
    """

    check: DatasetCheck
    passed: bool
    expected: int
    met: int
    failures: tuple[str, ...]
    result: dict[str, Any]


def run_checks(
    examples: Sequence[Example], labels: Sequence[str], checks: Sequence[DatasetCheck] = CHECKS
) -> Iterator[CheckOutcome]:
    """Yields the outcome of each check, in their order.

    Args:
        examples: every row of the data set.
        labels: labels of the edition.
        checks: which checks to run.
    """
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("rows")
    for check in checks:
        asset = source.add_dataframe_asset(check.name)
        batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
            {"dataframe": check.table(examples, labels)}
        )
        suite = ExpectationSuite(name=check.name, expectations=check.expectations(labels))
        validation = batch.validate(
            suite,
            result_format={
                "result_format": "SUMMARY",
                "partial_unexpected_count": _SHOWN,
                "unexpected_index_column_names": [check.shown],
            },
        )
        result: dict[str, Any] = validation.to_json_dict()  # type: ignore[no-untyped-call]
        yield CheckOutcome(
            check=check,
            passed=bool(validation.success),
            expected=len(result["results"]),
            met=sum(bool(one["success"]) for one in result["results"]),
            failures=tuple(_failure(one) for one in result["results"] if not one["success"]),
            result=result,
        )


def _failure(result: dict[str, Any]) -> str:
    config, found = result["expectation_config"], result["result"]
    wanted = {key: value for key, value in config["kwargs"].items() if key != "batch_id"}
    words = config["type"].removeprefix("expect_").replace("_", " ")
    if not found:
        return f"{words}: {result['exception_info']}"
    rows = found.get("partial_unexpected_index_list")
    if rows is None:
        return f"{words} {wanted}: found {found.get('observed_value')}"
    shown = "; ".join(", ".join(str(value) for value in row.values()) for row in rows)
    more = "" if found["unexpected_count"] <= len(rows) else ", …"
    return f"{found['unexpected_count']} against {words} ({wanted.get('column')}): {shown}{more}"
