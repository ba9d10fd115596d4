"""The risk score: how bad what was found is, and how much worse what was not looked for could be.

**Strength of a finding**: ``s = severity(label) * score * confidence``, in [0, 1].

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
claim holds for the computed numbers.

**Interval**. ``low`` is the same formula over the findings whose label is at least as likely right as
wrong (confidence >= 0.5). ``high`` takes every label for right (confidence 1), takes a finding that maps to
no label for one of the worst (severity 1), and adds one imagined label of strength
``U * missing share`` with ``U = 1`` for the detectors that did not look: with nothing run at all the
interval reaches 100. A failed detector therefore never changes the score and never lowers ``high``.
OTHER.Safe adds nothing. OTHER.ModelError adds nothing to the score and counts as a missing detector.

**Levels** follow the qualitative bounds of CVSS v3.1 times ten: low below 40, medium below 70, high below
90, critical from 90. Level ``none`` needs ``high`` to be 0: when the score is 0 and ``high`` is not, the
level is ``undetermined``.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis_svc.domain.catalogue import MODEL_ERROR, SAFE, UNKNOWN, Taxonomy
from analysis_svc.domain.detector_coverage import DetectorCoverage
from analysis_svc.domain.models import Factor, FactorKind, Finding, Interval, Level, Risk

RANK_DISCOUNT = 0.5
REPETITION_BOOST = 0.5
LIKELY_RIGHT = 0.5
UNSEEN_STRENGTH = 1.0
UNKNOWN_CEILING = 1.0
LEVEL_FLOORS = ((90.0, Level.CRITICAL), (70.0, Level.HIGH), (40.0, Level.MEDIUM), (0.0, Level.LOW))

_NO_RISK = frozenset({SAFE, MODEL_ERROR})


@dataclass(frozen=True, slots=True)
class LabelStrength:
    """What one label adds up to in a request."""

    label: str
    strength: float
    occurrences: int
    findings: tuple[str, ...]
    """Finding ids, strongest first."""


def finding_strength(finding: Finding, taxonomy: Taxonomy) -> float:
    """Severity * score * confidence, in [0, 1]."""
    return taxonomy.labels[finding.label].severity * finding.score * finding.confidence


def says_something(finding: Finding, taxonomy: Taxonomy) -> bool:
    """Whether a finding bears on anything: it has strength, or it tells of a result nobody understood."""
    return finding.label in (MODEL_ERROR, UNKNOWN) or finding_strength(finding, taxonomy) > 0.0


def combine(strengths: Iterable[float]) -> float:
    """Combine strengths of distinct labels into one risk in [0, 1] (see the module's text)."""
    clear, weight = 1.0, 1.0
    for strength in sorted(strengths, reverse=True):
        clear *= 1.0 - strength * weight
        weight *= RANK_DISCOUNT
    return 1.0 - clear


def score_risk(findings: Sequence[Finding], coverage: DetectorCoverage, taxonomy: Taxonomy) -> Risk:
    """Score the findings of one request in the light of what did not look."""

    def seen(finding: Finding) -> float:
        return 0.0 if finding.label in _NO_RISK else finding_strength(finding, taxonomy)

    def at_least(finding: Finding) -> float:
        return seen(finding) if finding.confidence >= LIKELY_RIGHT else 0.0

    def at_most(finding: Finding) -> float:
        if finding.label in _NO_RISK:
            return 0.0
        severity = taxonomy.labels[finding.label].severity
        return finding.score * (UNKNOWN_CEILING if finding.label == UNKNOWN else severity)

    labels = _by_label(findings, seen)
    unseen = UNSEEN_STRENGTH * coverage.missing_share
    score = _points(combine(entry.strength for entry in labels))
    low = _points(combine(entry.strength for entry in _by_label(findings, at_least)))
    high = _points(combine([*(entry.strength for entry in _by_label(findings, at_most)), unseen]))
    return Risk(
        score=score,
        level=level_of(score, high),
        interval=Interval(low, high),
        contributing_factors=(*_label_factors(labels), *_widening_factors(findings, coverage)),
    )


def level_of(score: float, high: float) -> Level:
    """The level of a score, given the upper end of its interval (both 0 to 100)."""
    if score <= 0.0:
        return Level.UNDETERMINED if high > 0.0 else Level.NONE
    return next(level for floor, level in LEVEL_FLOORS if score >= floor)


def rate_confidence(findings: Sequence[Finding], coverage: DetectorCoverage, taxonomy: Taxonomy) -> float:
    """How far the answer can be relied on, in [0, 1].

    The share of detectors that did look, times the mean confidence of the findings weighted by what each
    weighs in the score (severity * score). Findings sent without a word on which detectors ran leave the
    coverage open, and half is taken for it.
    """
    looked = 1.0 - coverage.missing_share
    if findings and not coverage.stated:
        looked = 0.5
    weights = [
        (taxonomy.labels[finding.label].severity * finding.score, finding.confidence)
        for finding in findings
        if finding.label not in _NO_RISK
    ]
    total = sum(sorted(weight for weight, _ in weights))
    if total <= 0.0:
        return round(looked, 4)
    mean = sum(sorted(weight * confidence for weight, confidence in weights)) / total
    return round(looked * min(mean, 1.0), 4)


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
        left = clear * (1.0 - entry.strength * weight)
        factors.append(Factor(FactorKind.LABEL, entry.label, _points(clear - left), entry.findings))
        clear, weight = left, weight * RANK_DISCOUNT
    return factors


def _widening_factors(findings: Sequence[Finding], coverage: DetectorCoverage) -> list[Factor]:
    factors = [Factor(FactorKind.MISSING_DETECTOR, name, 0.0, ()) for name in coverage.missing]
    if coverage.unreadable:
        factors.append(Factor(FactorKind.UNREADABLE_OUTPUT, MODEL_ERROR, 0.0, coverage.unreadable))
    unknown = tuple(sorted(finding.id for finding in findings if finding.label == UNKNOWN))
    if unknown:
        factors.append(Factor(FactorKind.UNKNOWN_LABEL, UNKNOWN, 0.0, unknown))
    if coverage.missing_share > 0.0 and not coverage.missing and not coverage.unreadable:
        factors.append(Factor(FactorKind.UNKNOWN_COVERAGE, "coverage", 0.0, ()))
    return factors


def _points(risk: float) -> float:
    return round(100.0 * risk, 2)
