"""The figures that quality is told in."""

from collections.abc import Mapping
from dataclasses import dataclass

from analysis_svc.domain.insights.feedback import Word


@dataclass(frozen=True, slots=True)
class Rate:
    """A share in [0, 1] of `n`, with its 95 % interval."""

    value: float
    low: float
    high: float
    n: int


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Findings of one range of confidence: how sure the mapping was, and how many people confirmed."""

    low: float
    high: float
    words: int
    confidence: float
    confirmed: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """Expected calibration error in [0, 1] over `n` words, and the bins it comes from."""

    ece: float
    n: int
    bins: tuple[CalibrationBin, ...]


@dataclass(frozen=True, slots=True)
class Drift:
    """How far a distribution moved.

    Attributes:
        psi: population stability index, 0 for none.
        js: Jensen-Shannon divergence in bits, in [0, 1].
        by_chance: what the index comes to by chance alone.
        n_before: findings before.
        n_now: findings now.
    """

    psi: float
    js: float
    by_chance: float
    n_before: int
    n_now: int


@dataclass(frozen=True, slots=True)
class QualityFigures:
    """Every figure of a span; None where there is too little to say.

    Attributes:
        findings: how many there were.
        words: how many words of each kind people said.
        agreement: share that people confirm.
        agreement_by_label: the same of labels with enough words.
        agreement_by_detector: the same of detectors.
        people_agree: share of findings, of which several people spoke, where all said the same.
        calibration: of confidence against people's word.
        label_drift: of labels, against the span before.
        confidence_drift: of confidences, against the span before.
        fallback: share of findings, of those that name a tier, that nothing could map.
        readable: share of findings that are not OTHER.ModelError.
        unknown: share of findings that are OTHER.Unknown.
        safe: share of findings that are OTHER.Safe.
    """

    findings: int
    words: Mapping[Word, int]
    agreement: Rate | None
    agreement_by_label: Mapping[str, Rate]
    agreement_by_detector: Mapping[str, Rate]
    people_agree: Rate | None
    calibration: Calibration | None
    label_drift: Drift | None
    confidence_drift: Drift | None
    fallback: Rate | None
    readable: Rate | None
    unknown: Rate | None
    safe: Rate | None
