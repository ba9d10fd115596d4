"""The risk score: how bad what was found is, and how much worse what was not looked for could be.

**Strength of a finding**: ``s = severity(label) * score * confidence``, in [0, 1]. Where a model beat
``severity(label) * score`` for a detector and label, its table stands for that product; it never falls as the
score grows, so all that is said below holds (see `severity_calibration`).

**Strength of a label**: with ``m`` the largest strength among the label's findings and ``n`` the sum of
their occurrences, ``S = m + B * (1 - 1/n) * m * (1 - m)`` with ``B = 0.5``. One occurrence gives exactly
``m``; repetition raises it, by less than half of ``m * (1 - m)`` however often it comes. It is monotone:
``dS/dm = 1 + B * (1 - 1/n) * (1 - 2m) >= 1 - B > 0``, and ``1 - 1/n`` grows with ``n``.

**Score**: with the labels' strengths sorted in descending order ``S_0 >= S_1 >= ...``,
``R = 1 - prod_i (1 - S_i * D**i)`` with ``D = 0.5`` (a noisy-or discounted by rank), and the score is
``100 * R``. The worst label sets the score, each further one adds half as much as the one before could,
so that many trifles never add up to a catastrophe.

*Why another or worse finding never lowers it.* A new finding either raises its label's strength or adds a
label. Either way the new descending sequence is at least the old one in every position: the k-th largest
of a multiset does not fall when an element grows or is added. Every factor ``1 - S_i * D**i`` is then at
most the old one, every factor is in [0, 1], and so the product does not grow. Floating-point
multiplication and subtraction round monotonically, as does the final rounding to two places, so the
claim holds for the computed numbers. What is too small for that is not lost: a risk is never less than its
strongest label, and what is above 0 is shown as 0.01 at least.

**Interval**. ``low`` is the same formula over the findings whose label is at least as likely right as
wrong (confidence >= 0.5), each with ``p`` of its strength: the probability that its detector is right when it
speaks. ``high`` takes every label for right (confidence 1), takes an open finding (OTHER.Unknown,
OTHER.NeedsReview) for one of the worst whatever its score, since nobody knows what its score measures, and
adds one imagined label of strength ``U * (m + (1 - m) * Q)`` with ``U = 1``: ``m`` is the share of what had
to look and did not, ``Q`` the largest probability, among all detectors that had to look or did, that one
misses something (`detector_figures` has ``p`` and ``q``). With nothing run at all the interval reaches 100.
A failed detector therefore never changes the score and never lowers ``high``: it raises ``m``, ``Q`` is over
the failed too, and the strength, computed as ``1 - (1 - m) * (1 - Q)``, grows with both. A detector of less
recall or more false positives never narrows the interval: ``p`` does not grow and ``Q`` does not fall.
OTHER.Safe adds nothing. OTHER.ModelError adds nothing to the score and counts as a missing detector.

**Levels** follow the qualitative bounds of CVSS v3.1 times ten: low below 40, medium below 70, high below
90, critical from 90, of the score as it is shown. Level ``none`` needs that everybody looked and nothing
is open, that is, ``high`` to be 0 with ``Q`` left out; else the level of score 0 is ``undetermined``. An open
finding or an unreadable output thus rules ``none`` out. What those who looked may have missed is told by the
interval and not by the level: no detector finds everything, and ``none`` would never be said.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis_svc.domain.catalogue import MODEL_ERROR, NEEDS_REVIEW, SAFE, UNKNOWN, Taxonomy
from analysis_svc.domain.detector_coverage import DetectorCoverage
from analysis_svc.domain.detector_figures import (
    FiguresByDetector,
    may_have_missed,
    right_when_it_speaks,
    trust,
)
from analysis_svc.domain.models import (
    Calibration,
    Factor,
    FactorKind,
    Finding,
    Interval,
    IntervalBasis,
    Level,
    Risk,
)

RANK_DISCOUNT = 0.5
REPETITION_BOOST = 0.5
LIKELY_RIGHT = 0.5
UNSEEN_STRENGTH = 1.0
OPEN_STRENGTH = 1.0
LEAST_POINTS = 0.01
LEVEL_FLOORS = ((90.0, Level.CRITICAL), (70.0, Level.HIGH), (40.0, Level.MEDIUM), (0.0, Level.LOW))

_NO_RISK = frozenset({SAFE, MODEL_ERROR})
# What these say is open: whether it is bad at all, and what a score of theirs measures.
_OPEN = frozenset({UNKNOWN, NEEDS_REVIEW})


@dataclass(frozen=True, slots=True)
class LabelStrength:
    """What one label adds up to in a request."""

    label: str
    strength: float
    occurrences: int
    findings: tuple[str, ...]
    """Finding ids, strongest first."""


def finding_strength(finding: Finding, taxonomy: Taxonomy) -> float:
    """Severity * score * confidence, in [0, 1], with a model's word for the first two where it is better."""
    return _harm(finding, taxonomy) * finding.confidence


def calibrated_labels(findings: Sequence[Finding], taxonomy: Taxonomy) -> tuple[str, ...]:
    """Name the labels for which a model's word entered the score."""
    known = taxonomy.calibration
    if known is None:
        return ()
    return tuple(sorted({one.label for one in findings if known.knows(one.detector, one.label)}))


def _harm(finding: Finding, taxonomy: Taxonomy) -> float:
    """How bad a finding is if its label is right."""
    known = taxonomy.calibration
    if known is not None and finding.detector is not None and known.knows(finding.detector, finding.label):
        return known.severity(finding.detector, finding.label, finding.score)
    return taxonomy.labels[finding.label].severity * finding.score


def says_something(finding: Finding, taxonomy: Taxonomy) -> bool:
    """Whether a finding bears on anything: it has strength, or it tells of a result that is open."""
    if finding.label == MODEL_ERROR or finding.label in _OPEN:
        return True
    return finding_strength(finding, taxonomy) > 0.0


def combine(strengths: Iterable[float]) -> float:
    """Combine strengths of distinct labels into one risk in [0, 1] (see the module's text)."""
    ranked = sorted(strengths, reverse=True)
    clear, weight = 1.0, 1.0
    for strength in ranked:
        clear *= 1.0 - strength * weight
        weight *= RANK_DISCOUNT
    # The same in exact numbers; computed, 1 - (1 - s) loses an s below the resolution of 1.
    return max(1.0 - clear, *ranked[:1], 0.0)


def score_risk(
    findings: Sequence[Finding],
    coverage: DetectorCoverage,
    taxonomy: Taxonomy,
    figures: FiguresByDetector,
) -> Risk:
    """Score the findings of one request in the light of what did not look, and of who did.

    Args:
        findings: of the request.
        coverage: what is missing.
        taxonomy: how bad each label is.
        figures: what was measured of detectors.
    """

    def seen(finding: Finding) -> float:
        return 0.0 if finding.label in _NO_RISK else finding_strength(finding, taxonomy)

    def at_least(finding: Finding) -> float:
        if finding.confidence < LIKELY_RIGHT:
            return 0.0
        return seen(finding) * right_when_it_speaks(finding.detector, figures)

    def at_most(finding: Finding) -> float:
        return greatest_strength(finding, taxonomy)

    labels = _by_label(findings, seen)
    not_looked = coverage.missing_share
    missed = may_have_missed(coverage.expected, figures)
    imagined = UNSEEN_STRENGTH * max(1.0 - (1.0 - not_looked) * (1.0 - missed), not_looked)
    most = [entry.strength for entry in _by_label(findings, at_most)]
    score = _points(combine(entry.strength for entry in labels))
    low = _points(combine(entry.strength for entry in _by_label(findings, at_least)))
    high = _points(combine([*most, imagined]))
    by_coverage_alone = _points(combine([*most, UNSEEN_STRENGTH * not_looked]))
    named = (finding.detector for finding in findings if finding.detector is not None)
    return Risk(
        score=score,
        level=level_of(score, by_coverage_alone),
        interval=Interval(low, high),
        interval_basis=IntervalBasis(
            not_looked, missed, imagined, trust([*coverage.expected, *named], figures)
        ),
        contributing_factors=(*_label_factors(labels), *_widening_factors(findings, coverage)),
        calibration=_calibration(findings, taxonomy),
    )


def _calibration(findings: Sequence[Finding], taxonomy: Taxonomy) -> Calibration | None:
    labels = calibrated_labels(findings, taxonomy)
    if taxonomy.calibration is None or not labels:
        return None
    return Calibration(taxonomy.calibration.model, taxonomy.calibration.version, labels)


def level_of(score: float, most: float) -> Level:
    """The level of a score, given what it could be with what was not looked at (both 0 to 100)."""
    if score <= 0.0:
        return Level.UNDETERMINED if most > 0.0 else Level.NONE
    return next(level for floor, level in LEVEL_FLOORS if score >= floor)


def greatest_strength(finding: Finding, taxonomy: Taxonomy) -> float:
    """What a finding could be worth with its label right: severity * score, or anything when it is open."""
    if finding.label in _NO_RISK:
        return 0.0
    if finding.label in _OPEN:
        return OPEN_STRENGTH
    return _harm(finding, taxonomy)


def _by_label(findings: Sequence[Finding], strength: Callable[[Finding], float]) -> tuple[LabelStrength, ...]:
    groups: Mapping[str, list[tuple[float, Finding]]] = defaultdict(list)
    for finding in findings:
        value = strength(finding)
        if value > 0.0:
            groups[finding.label].append((value, finding))
    entries = [_label_strength(label, members) for label, members in groups.items()]
    return tuple(sorted(entries, key=lambda entry: (-entry.strength, entry.label)))


def _label_strength(label: str, members: list[tuple[float, Finding]]) -> LabelStrength:
    members.sort(key=lambda member: (-member[0], member[1].id))
    top = members[0][0]
    occurrences = sum(finding.occurrences for _, finding in members)
    boost = REPETITION_BOOST * (1.0 - 1.0 / occurrences) * top * (1.0 - top)
    return LabelStrength(label, top + boost, occurrences, tuple(finding.id for _, finding in members))


def _label_factors(labels: Sequence[LabelStrength]) -> list[Factor]:
    """Part each label has in the score: what it adds to the labels stronger than itself."""
    factors, clear, weight = [], 1.0, 1.0
    for entry in labels:
        part = entry.strength * weight
        factors.append(Factor(FactorKind.LABEL, entry.label, _points(clear * part), entry.findings))
        clear, weight = clear * (1.0 - part), weight * RANK_DISCOUNT
    return factors


def _widening_factors(findings: Sequence[Finding], coverage: DetectorCoverage) -> list[Factor]:
    factors = [Factor(FactorKind.MISSING_DETECTOR, name, 0.0, ()) for name in coverage.missing]
    if coverage.unreadable:
        factors.append(Factor(FactorKind.UNREADABLE_OUTPUT, MODEL_ERROR, 0.0, coverage.unreadable))
    for kind, label in ((FactorKind.UNKNOWN_LABEL, UNKNOWN), (FactorKind.NEEDS_REVIEW, NEEDS_REVIEW)):
        if ids := tuple(sorted(finding.id for finding in findings if finding.label == label)):
            factors.append(Factor(kind, label, 0.0, ids))
    if coverage.missing_share > 0.0 and not coverage.missing and not coverage.unreadable:
        factors.append(Factor(FactorKind.UNKNOWN_COVERAGE, "coverage", 0.0, ()))
    return factors


def _points(risk: float) -> float:
    """Risk in points of 100; never 0 for a risk above 0, so that a level follows from what is shown."""
    return max(round(100.0 * risk, 2), LEAST_POINTS) if risk > 0.0 else 0.0
