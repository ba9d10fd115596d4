"""What must be true of a data set before anything is trained on it, as Great Expectations suites."""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass

import great_expectations.expectations as gxe
import pandas as pd
from great_expectations.expectations import Expectation

from pipelines.lib.example import COLUMNS, Example, Source, Split
from pipelines.lib.licences import LICENCES
from pipelines.lib.normalise import duplicate_key, normalise
from pipelines.lib.personal_data import find_personal_data

MIN_PER_LABEL = 20
"""Fewest clear rows of a label in training and validation together."""
MIN_HELD_OUT_FAMILIES = 10
MIN_HELD_OUT_ROWS = 250
MAX_LENGTH = 200
"""Longest raw label, in characters: the mapper keeps no longer one."""


@dataclass(frozen=True, slots=True)
class DatasetCheck:
    """One check: a table made of the rows, and what is expected of it.

    Attributes:
        name: name of the check.
        description: what it holds the data set to.
        shown: column of the table that names what breaks an expectation.
        table: makes the table; gets the rows and the labels of the edition.
        expectations: returns what is expected; gets the labels of the edition.
    """

    name: str
    description: str
    shown: str
    table: Callable[[Sequence[Example], Sequence[str]], pd.DataFrame]
    expectations: Callable[[Sequence[str]], list[Expectation]]


def rows_table(examples: Sequence[Example], _: Sequence[str] = ()) -> pd.DataFrame:
    """Returns the rows as they are."""
    rows = [[value if isinstance(value, bool) else str(value) for value in astuple(one)] for one in examples]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _schema_table(examples: Sequence[Example], _: Sequence[str]) -> pd.DataFrame:
    table = rows_table(examples)
    table["normalised_as_documented"] = [one.normalised == normalise(one.raw) for one in examples]
    return table


def _coverage_table(examples: Sequence[Example], labels: Sequence[str]) -> pd.DataFrame:
    rows = Counter(one.label for one in examples if one.split is not Split.HELDOUT and not one.opaque)
    return pd.DataFrame({"label": labels, "rows": [rows[label] for label in labels]})


def _personal_data_table(examples: Sequence[Example], _: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "id": [one.id for one in examples],
            "personal_data": [find_personal_data(one.raw) or "none" for one in examples],
        }
    )


def _families_table(examples: Sequence[Example], _: Sequence[str]) -> pd.DataFrame:
    return _sides([(one.family, one.split) for one in examples], "family")


def _texts_table(examples: Sequence[Example], _: Sequence[str]) -> pd.DataFrame:
    return _sides([(duplicate_key(one.raw), one.split) for one in examples if not one.opaque], "text")


def _sides(pairs: Sequence[tuple[str, Split]], column: str) -> pd.DataFrame:
    sides: dict[str, set[Split]] = defaultdict(set)
    for name, split in pairs:
        sides[name].add(split)
    return pd.DataFrame({column: list(sides), "sides": [len(found) for found in sides.values()]})


def _held_out_table(examples: Sequence[Example], _: Sequence[str]) -> pd.DataFrame:
    cases = {
        (one.family, duplicate_key(one.raw))
        for one in examples
        if one.split is Split.HELDOUT and one.source is Source.VENDOR and not one.opaque
    }
    return pd.DataFrame(sorted(cases), columns=["family", "text"])


CHECKS = (
    DatasetCheck(
        "schema",
        "The columns are the documented ones, no cell that names a row is empty, ids are unique, split and "
        "source are known, and the normalised text is what `normalise` makes of the raw one.",
        "id",
        _schema_table,
        lambda _: [
            gxe.ExpectTableColumnsToMatchOrderedList(column_list=[*COLUMNS, "normalised_as_documented"]),
            gxe.ExpectTableRowCountToBeBetween(min_value=1),
            gxe.ExpectColumnValuesToBeUnique(column="id"),
            *[
                gxe.ExpectColumnValueLengthsToBeBetween(column=column, min_value=1)
                for column in ("id", "vendor", "normalised", "family", "lang")
            ],
            gxe.ExpectColumnValuesToBeInSet(column="split", value_set=[one.value for one in Split]),
            gxe.ExpectColumnValuesToBeInSet(column="source", value_set=[one.value for one in Source]),
            gxe.ExpectColumnValuesToBeInSet(column="normalised_as_documented", value_set=[True]),
        ],
    ),
    DatasetCheck(
        "labels_of_the_edition",
        "No row has a label that the edition does not know.",
        "id",
        rows_table,
        lambda labels: [gxe.ExpectColumnValuesToBeInSet(column="label", value_set=list(labels))],
    ),
    DatasetCheck(
        "label_coverage",
        f"Every label of the edition has at least {MIN_PER_LABEL} clear rows to train and validate on.",
        "label",
        _coverage_table,
        lambda _: [gxe.ExpectColumnValuesToBeBetween(column="rows", min_value=MIN_PER_LABEL)],
    ),
    DatasetCheck(
        "no_personal_data",
        "No raw label holds an e-mail address, a card or other long number, or a key.",
        "id",
        _personal_data_table,
        lambda _: [gxe.ExpectColumnValuesToBeInSet(column="personal_data", value_set=["none"])],
    ),
    DatasetCheck(
        "families_on_one_side",
        "Every family stands on one side of the split only.",
        "family",
        _families_table,
        lambda _: [gxe.ExpectColumnValuesToBeBetween(column="sides", min_value=1, max_value=1)],
    ),
    DatasetCheck(
        "texts_on_one_side",
        "Every clear text stands on one side of the split only, however it is spelt.",
        "text",
        _texts_table,
        lambda _: [gxe.ExpectColumnValuesToBeBetween(column="sides", min_value=1, max_value=1)],
    ),
    DatasetCheck(
        "length",
        f"Raw labels have 1 to {MAX_LENGTH} characters.",
        "id",
        rows_table,
        lambda _: [gxe.ExpectColumnValueLengthsToBeBetween(column="raw", min_value=1, max_value=MAX_LENGTH)],
    ),
    DatasetCheck(
        "licence_and_origin",
        "Every row says where it comes from, and its licence is one that the manifest explains.",
        "id",
        rows_table,
        lambda _: [
            gxe.ExpectColumnValuesToBeInSet(column="licence", value_set=sorted(LICENCES)),
            gxe.ExpectColumnValueLengthsToBeBetween(column="origin", min_value=1),
        ],
    ),
    DatasetCheck(
        "held_out_size",
        f"At least {MIN_HELD_OUT_FAMILIES} vendor families are held out, with at least {MIN_HELD_OUT_ROWS} "
        "distinct clear labels.",
        "family",
        _held_out_table,
        lambda _: [
            gxe.ExpectColumnUniqueValueCountToBeBetween(column="family", min_value=MIN_HELD_OUT_FAMILIES),
            gxe.ExpectTableRowCountToBeBetween(min_value=MIN_HELD_OUT_ROWS),
        ],
    ),
)
"""Every check, in the order in which they are shown."""
