"""How far a detector can be believed: when it is silent, and when it speaks.

With ``r`` the share of bad texts that it flags (recall), ``f`` the share of harmless ones that it flags
(false positives), and bad and harmless texts as many:

- **it may have missed something** with probability ``q = (1 - r) / ((1 - r) + (1 - f))`` when it is silent;
- **it is right** with probability ``p = r / (r + f)`` when it speaks.

Both are 1/2 for a detector that was measured by nobody, as for one that knows nothing. A lower recall never
lowers ``q`` and never raises ``p``, and neither does a higher rate of false positives.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

UNMEASURED = 0.5
"""What is taken for either probability where nobody measured."""


@dataclass(frozen=True, slots=True)
class DetectorFigures:
    """What was measured of a detector.

    Attributes:
        recall: share of bad texts that it flags, in [0, 1].
        false_positive_rate: share of harmless texts that it flags, in [0, 1].
        source: who measured that, and on what.
    """

    recall: float
    false_positive_rate: float
    source: str

    @property
    def may_have_missed(self) -> float:
        """Probability that its silence is wrong (see the module's text)."""
        missed, passed = 1.0 - self.recall, 1.0 - self.false_positive_rate
        return missed / (missed + passed) if missed > 0.0 else 0.0

    @property
    def right_when_it_speaks(self) -> float:
        """Probability that what it reports is there (see the module's text)."""
        flagged = self.recall + self.false_positive_rate
        return self.recall / flagged if flagged > 0.0 else UNMEASURED


@dataclass(frozen=True, slots=True)
class DetectorTrust:
    """What is made of one detector in one answer.

    Attributes:
        detector: its name.
        may_have_missed: probability that its silence is wrong.
        right_when_it_speaks: probability that what it reports is there.
        recall: as it was measured; None where nobody did.
        false_positive_rate: as it was measured; None where nobody did.
        source: who measured that; None where nobody did.
    """

    detector: str
    may_have_missed: float
    right_when_it_speaks: float
    recall: float | None
    false_positive_rate: float | None
    source: str | None


FiguresByDetector = Mapping[str, DetectorFigures]


def may_have_missed(detectors: Iterable[str], figures: FiguresByDetector) -> float:
    """Return how likely the one of them that misses most misses something; 1/2 where none is named."""
    known = [figures[name].may_have_missed if name in figures else UNMEASURED for name in detectors]
    return max(known, default=UNMEASURED)


def right_when_it_speaks(detector: str | None, figures: FiguresByDetector) -> float:
    """Return how likely that what a detector reports is there."""
    if detector is None or detector not in figures:
        return UNMEASURED
    return figures[detector].right_when_it_speaks


def trust(detectors: Iterable[str], figures: FiguresByDetector) -> tuple[DetectorTrust, ...]:
    """Return what is made of each detector, in the order of their names."""
    told = []
    for name in sorted(set(detectors)):
        known = figures.get(name)
        told.append(
            DetectorTrust(
                detector=name,
                may_have_missed=may_have_missed([name], figures),
                right_when_it_speaks=right_when_it_speaks(name, figures),
                recall=known.recall if known else None,
                false_positive_rate=known.false_positive_rate if known else None,
                source=known.source if known else None,
            )
        )
    return tuple(told)
