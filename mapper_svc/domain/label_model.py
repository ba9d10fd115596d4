"""What the mapper asks of a model and what it gets: the values of the port `LabelModel`."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

LABEL_MAX = 200
"""Most characters of a raw label that a model is asked about."""
LEAST_THRESHOLD = 0.6
"""No model version may answer with less confidence than this, in [0, 1]."""


@dataclass(frozen=True, slots=True)
class AskedLabel:
    """One raw label that no rule knows.

    Attributes:
        vendor: id of the vendor file, or None when nobody knows the detector.
        label: as the detector spells it, 1 to `LABEL_MAX` characters.
    """

    vendor: str | None
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """Everything that decides a model's answers.

    Attributes:
        name: the recipe it was trained by.
        version: id of the release.
        adapter: hash of the adapter's weights.
        base: the base model.
        taxonomy: edition that its labels belong to.
        label_tokens: hash of the table of label tokens.
        calibrator: hash of the calibration.
        threshold: least confidence, in [0, 1], at which its precision was proven; None when it never was, and
            then it only gives guesses.
        engine: what computes it.
    """

    name: str
    version: str
    adapter: str
    base: str
    taxonomy: str
    label_tokens: str
    calibrator: str
    threshold: float | None
    engine: str

    def is_same_release(self, other: "ModelVersion") -> bool:
        """Whether both are one release, whatever computes it: the parts of a release belong together."""
        return replace(self, engine="") == replace(other, engine="")


@dataclass(frozen=True, slots=True)
class LabelDistributions:
    """Calibrated probabilities over the labels, in the order of `ModelAnswer.labels`; each sums to 1.

    Attributes:
        combined: of model and embedding head together.
        model: of the language model alone.
        head: of the embedding head alone.
    """

    combined: Sequence[float]
    model: Sequence[float]
    head: Sequence[float]


@dataclass(frozen=True, slots=True)
class ModelAnswer:
    """What a model said of several labels.

    Attributes:
        version: who answered.
        labels: the canonical labels that the probabilities belong to.
        distributions: one for each label asked, in the order of asking.
        tokens: how many the language model read for all of them; 0 where nobody told.
    """

    version: ModelVersion
    labels: tuple[str, ...]
    distributions: tuple[LabelDistributions, ...]
    tokens: int = 0


class ModelFault(StrEnum):
    """Why a model could not be used; a closed set, fit to be a metric's label.

    Members:
        UNREACHABLE: no connection, or it broke.
        TIMEOUT: no answer within the time there was.
        REFUSED: our token or our question was not accepted.
        OVERLOADED: it said that it has too much to do or is not ready.
        FAILED: it answered with an error of its own.
        BAD_ANSWER: what it answered has not the agreed shape, or is no distribution.
        MISMATCH: its labels or edition are not those in use here.
        BREAKER_OPEN: it failed so often that it is left alone for a while.
        BUSY: as much is being asked of it as may be at once.
    """

    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    REFUSED = "refused"
    OVERLOADED = "overloaded"
    FAILED = "failed"
    BAD_ANSWER = "bad_answer"
    MISMATCH = "mismatch"
    BREAKER_OPEN = "breaker_open"
    BUSY = "busy"


class ModelUnavailableError(Exception):
    """A model should have been asked and could not be; mapping goes on without it."""

    def __init__(self, reason: ModelFault) -> None:
        super().__init__(reason.value)
        self.reason = reason
