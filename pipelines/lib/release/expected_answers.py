"""What a release answers to some labels, kept with it: whatever serves it has to answer the same."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.release.release_error import ReleaseError
from pipelines.lib.scoring.atomic_file import write_atomically

FILE = "expected_answers.json"
TOLERANCE = 0.01
"""How far a probability may be off, absolutely: engines add in other orders and number formats."""
_KEPT = 5
_DIGITS = 6


class ExpectedAnswer(msgspec.Struct, frozen=True):
    """The likeliest labels of one raw label.

    Attributes:
        vendor: id of the vendor, if there is one.
        label: the raw label.
        probabilities: probability by canonical label, the likeliest first.
    """

    vendor: str | None
    label: str
    probabilities: dict[str, float]


class Scores(Protocol):
    """What answers: the `Scorer` of a release."""

    @property
    def labels(self) -> tuple[str, ...]:
        """The labels, in the order of every distribution."""

    def score(self, asked: Sequence[tuple[str | None, str]]) -> NDArray[np.float64]:
        """Returns one distribution for each pair of vendor and raw label."""


def write_expected_answers(
    folder: Path, scorer: Scores, taxonomy: Taxonomy, golden: Sequence[tuple[str | None, str]]
) -> None:
    """Asks a release for the meaning of every label of the edition and for the golden labels.

    Args:
        folder: the release folder; the answers are kept in it.
        scorer: what answers.
        taxonomy: the edition.
        golden: pairs of vendor and raw label.
    """
    asked = [*((None, label.means) for label in taxonomy.labels.values()), *golden]
    answers = [
        ExpectedAnswer(vendor, label, _likeliest(scorer.labels, row))
        for (vendor, label), row in zip(asked, scorer.score(asked), strict=True)
    ]
    write_atomically(folder / FILE, msgspec.json.format(msgspec.json.encode(answers), indent=1) + b"\n")


def read_expected_answers(folder: Path) -> list[ExpectedAnswer]:
    """Reads the answers that are kept with a release.

    Raises:
        ReleaseError: there are none.
    """
    try:
        answers = msgspec.json.decode((folder / FILE).read_bytes(), type=list[ExpectedAnswer])
    except (OSError, msgspec.DecodeError) as error:
        raise ReleaseError(f"{folder} has no expected answers: {error}") from error
    if not answers:
        raise ReleaseError(f"{folder} has no expected answers")
    return answers


def furthest_off(expected: Sequence[ExpectedAnswer], found: Sequence[Mapping[str, float]]) -> float:
    """Returns the largest absolute difference of a probability that is kept and the one that was answered.

    A label that was not answered at all counts as probability 0.
    """
    return max(
        abs(probability - answer.get(label, 0.0))
        for one, answer in zip(expected, found, strict=True)
        for label, probability in one.probabilities.items()
    )


def _likeliest(labels: Sequence[str], row: NDArray[np.float64]) -> dict[str, float]:
    places = np.argsort(-row, kind="stable")[:_KEPT]
    return {labels[place]: round(float(row[place]), _DIGITS) for place in places}
