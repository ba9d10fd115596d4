"""The cases that a model is measured on: from a data set, and from the free-form set beside it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec

from pipelines.lib.build_dataset import DATA_DIR
from pipelines.lib.dataset_folder import read_examples
from pipelines.lib.evaluation.case import Case, CaseSet
from pipelines.lib.example import Example, Source, Split
from pipelines.lib.strict_jsonl import read_jsonl

FREE_FORM_DIR = DATA_DIR / "heldout"
"""The free-form set that comes with the pipelines."""


class _FreeFormLine(msgspec.Struct, frozen=True):
    vendor: str
    raw: str
    gold: str
    lang: str
    also: tuple[str, ...] = ()


def read_cases(data: Path, free_form: Path = FREE_FORM_DIR) -> tuple[Case, ...]:
    """Reads every case, the held-out ones first.

    Opaque codes are no case: only the vendor's table can tell them. A held-out text that two vendors mean
    differently is a case of each.

    Args:
        data: folder of one version of the data set.
        free_form: folder of the free-form set.

    Raises:
        DatasetFaultError: the data set is missing or broken.
        DataFaultError: a line of the free-form set is no case.
    """
    return (*heldout_cases(read_examples(data, Split.HELDOUT)), *_free_form(free_form), *_validation(data))


def heldout_cases(examples: Iterable[Example]) -> Iterator[Case]:
    """Yields the held-out examples as cases."""
    for one in examples:
        yield Case(
            CaseSet.HELDOUT, one.vendor, one.family, one.raw, one.label, also=frozenset(), lang=one.lang
        )


def _free_form(folder: Path) -> Iterator[Case]:
    for path in sorted(folder.glob("*.jsonl")):
        for _, one in read_jsonl(path, _FreeFormLine):
            yield Case(
                CaseSet.FREE_FORM,
                one.vendor,
                one.vendor,
                one.raw,
                one.gold,
                also=frozenset(one.also),
                lang=one.lang,
            )


def _validation(data: Path) -> Iterator[Case]:
    for one in read_examples(data, Split.VALIDATION, ambiguous=False):
        kind = CaseSet.VALIDATION_VENDORS if one.source is Source.VENDOR else CaseSet.VALIDATION_PHRASINGS
        yield Case(kind, one.vendor, one.family, one.raw, one.label, also=frozenset(), lang=one.lang)
