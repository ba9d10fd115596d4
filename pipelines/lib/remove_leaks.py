"""Keeps what one side of the split teaches from being what another side asks."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from rapidfuzz import fuzz, process

from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.normalise import duplicate_key, normalise
from pipelines.lib.read_free_form import FreeForm

NEAR = 90
"""Two texts are near duplicates from this similarity on (0 to 100, `rapidfuzz.fuzz.ratio`)."""
NEAR_LENGTH = 12
"""Shorter normalised texts are compared exactly only: `iban code` and `bank code` are different labels."""


@dataclass(frozen=True, slots=True)
class Leak:
    """A row that was taken out because another side of the split has its text.

    Attributes:
        split: the side it was taken from.
        raw: its label text.
        label: its canonical label.
        family: its family.
        twin: the text on the other side.
        where: the side of the twin, or `free_form`.
        exact: the same normalised text; else a near duplicate with the same label.
    """

    split: Split
    raw: str
    label: str
    family: str
    twin: str
    where: str
    exact: bool


@dataclass(frozen=True, slots=True)
class _Asked:
    raw: str
    labels: frozenset[str]
    where: str


def remove_leaks(
    candidates: Sequence[Candidate], free_form: Sequence[FreeForm]
) -> tuple[list[Candidate], list[Leak]]:
    """Returns the candidates without leaks, and the leaks.

    What has to go, in this order; opaque codes are no leak, they say nothing:
    1. rows for training and validation whose text is held out, there or in the free-form set;
    2. rows for training whose text a vendor or a free-form row of validation has;
    3. phrasings of validation whose text is left in training (phrasings are many; vendor labels are few).
    """
    held_out = [_asked(one) for one in candidates if one.split is Split.HELDOUT and not one.opaque]
    cases = [_Asked(one.raw, frozenset((one.gold, *one.also)), "free_form") for one in free_form]
    train = _of(candidates, Split.TRAIN)
    validation = _of(candidates, Split.VALIDATION)

    train, leaks = _without(train, held_out + cases)
    validation, more = _without(validation, held_out + cases)
    leaks += more
    by_vendors = [one for one in validation if one.source is not Source.PHRASING]
    train, more = _without(train, [_asked(one) for one in by_vendors])
    leaks += more
    written, more = _without(
        [one for one in validation if one.source is Source.PHRASING], [_asked(one) for one in train]
    )
    leaks += more
    untouched = [one for one in candidates if one.opaque or one.split is Split.HELDOUT]
    return [*train, *by_vendors, *written, *untouched], leaks


def _of(candidates: Iterable[Candidate], split: Split) -> list[Candidate]:
    return [one for one in candidates if one.split is split and not one.opaque]


def _asked(candidate: Candidate) -> _Asked:
    return _Asked(candidate.raw, frozenset({candidate.label}), candidate.split.value)


def _without(rows: list[Candidate], asked: Sequence[_Asked]) -> tuple[list[Candidate], list[Leak]]:
    exact = {duplicate_key(one.raw): one for one in reversed(asked)}
    near = _near_twins(rows, asked)
    kept: list[Candidate] = []
    leaks: list[Leak] = []
    for at, row in enumerate(rows):
        same = exact.get(duplicate_key(row.raw))
        twin = same or near.get(at)
        if twin is None:
            kept.append(row)
        else:
            leaks.append(
                Leak(row.split, row.raw, row.label, row.family, twin.raw, twin.where, exact=same is not None)
            )
    return kept, leaks


def _near_twins(rows: Sequence[Candidate], asked: Sequence[_Asked]) -> dict[int, _Asked]:
    by_label: dict[str, list[_Asked]] = defaultdict(list)
    for one in asked:
        if len(normalise(one.raw)) >= NEAR_LENGTH:
            for label in one.labels:
                by_label[label].append(one)
    rows_by_label: dict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        if row.label in by_label and len(normalise(row.raw)) >= NEAR_LENGTH:
            rows_by_label[row.label].append(at)
    twins: dict[int, _Asked] = {}
    for label, places in rows_by_label.items():
        choices = by_label[label]
        scores = process.cdist(
            [normalise(rows[at].raw) for at in places],
            [normalise(one.raw) for one in choices],
            scorer=fuzz.ratio,
            score_cutoff=NEAR,
        )
        best = np.argmax(scores, axis=1)
        for place, at in enumerate(places):
            if scores[place, best[place]] >= NEAR:
                twins[at] = choices[int(best[place])]
    return twins
