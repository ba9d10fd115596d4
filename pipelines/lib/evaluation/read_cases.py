"""The cases that a model is measured on: from a data set, and from the free-form set beside it."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from pipelines.lib.build_dataset import DATA_DIR
from pipelines.lib.dataset_folder import read_examples, read_manifest
from pipelines.lib.evaluation.case import Case, CaseSet
from pipelines.lib.example import Example, Source, Split
from pipelines.lib.read_accepted import read_accepted
from pipelines.lib.strict_jsonl import read_jsonl

FREE_FORM_DIR = DATA_DIR / "heldout"
"""The free-form set that comes with the pipelines."""

_KINDS = {Source.VENDOR: CaseSet.VALIDATION_VENDORS, Source.FREE_FORM: CaseSet.VALIDATION_FREE_FORM}


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
    accepted = read_accepted(load_taxonomy(read_manifest(data).edition).labels)
    heldout = heldout_cases(read_examples(data, Split.HELDOUT), accepted)
    return (*heldout, *_free_form(free_form), *_validation(data, accepted))


def heldout_cases(
    examples: Iterable[Example], accepted: Mapping[tuple[str, str], frozenset[str]]
) -> Iterator[Case]:
    """Yields the held-out examples as cases.

    Args:
        examples: the rows.
        accepted: further labels that are right, by vendor and raw label.
    """
    for one in examples:
        also = accepted.get((one.vendor, one.raw), frozenset()) - {one.label}
        yield Case(CaseSet.HELDOUT, one.vendor, one.family, one.raw, one.label, also=also, lang=one.lang)


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


def _validation(data: Path, accepted: Mapping[tuple[str, str], frozenset[str]]) -> Iterator[Case]:
    for one in read_examples(data, Split.VALIDATION, ambiguous=False):
        kind = _KINDS.get(one.source, CaseSet.VALIDATION_PHRASINGS)
        also = accepted.get((one.vendor, one.raw), frozenset()) - {one.label}
        yield Case(kind, one.vendor, one.family, one.raw, one.label, also=also, lang=one.lang)
