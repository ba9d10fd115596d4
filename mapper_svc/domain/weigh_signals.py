from collections.abc import Iterable
from dataclasses import dataclass

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.entry_findings import OTHER_VERSION, EntryFindings
from mapper_svc.domain.rule_tier import RuleMatch, match_label
from mapper_svc.domain.score import ScoreOutOfRangeError, risk_of
from mapper_svc.domain.signals import Reading, Signal
from mapper_svc.domain.taxonomy import SAFE
from mapper_svc.domain.vendor import Direction, ScoreOf, ScoreRule, Vendor

_DEFAULT = ScoreRule()
_BAD_SCORE = "a score is outside the vendor's range"


def weigh_signals(
    reading: Reading,
    vendor: Vendor | None,
    catalogue: Catalogue,
    out: EntryFindings,
    *,
    versioned: bool,
    rules: bool = True,
) -> None:
    """Decides which labels of a reading are findings and hands them to `out`.

    A label counts when the detector itself flagged it, when its risk reaches the threshold, or when it is the
    class that a classifier of the kind "one of several" chose. A safe label speaks only for itself: it never
    takes a finding away, and with little confidence, or of another version, it asks for a review. An output
    of unknown labels alone is not safe however low their scores: nobody knows what they measure.

    Args:
        reading: what the payload says.
        vendor: whose labels they are, or None.
        catalogue: the rules.
        out: where findings go.
        versioned: the detector is of another version than the labels, so that none can be trusted.
        rules: False when the rules name nothing; they still tell what is safe and how scores are read.
    """
    score_rule = _DEFAULT if vendor is None else vendor.score
    top = _top_of_each_group(reading.signals) if score_rule.top_wins else frozenset()
    for index, signal in enumerate(reading.signals):
        match = match_label(signal.raw, vendor, catalogue, signal.parent)
        if match is not None and match.rule.to == SAFE:
            _weigh_safe(signal, match, score_rule, out, versioned=versioned)
            continue
        other_version = versioned and match is not None
        known = None if other_version else match
        weight = _weigh(signal, known, score_rule, out, chosen=index in top)
        if weight is not None and weight.counts:
            out.hit(signal, known if rules else None, weight.risk, trusted=not other_version)
        elif weight is not None:
            out.below_threshold(signal, known, weight.risk, trusted=not other_version)
        if other_version:
            out.note_version()
    if score_rule.top_wins and not reading.signals and not reading.flagged:
        out.failed(reason="a classifier that always names a class named none")
    for reason in reading.broken:
        out.failed(reason=reason)
    out.close(flagged=reading.flagged)


@dataclass(frozen=True, slots=True)
class _Weight:
    risk: float
    counts: bool


def _weigh(
    signal: Signal, match: RuleMatch | None, score_rule: ScoreRule, out: EntryFindings, *, chosen: bool
) -> _Weight | None:
    """Returns the risk of a label and whether it counts; None when its score is none."""
    direction, threshold = score_rule.direction, score_rule.threshold
    if match is not None:
        direction = match.rule.direction or direction
        threshold = match.rule.threshold if match.rule.threshold is not None else threshold
    certain = bool(signal.flagged) or chosen
    try:
        risk = risk_of(signal.score, signal.severity, score_rule, direction)
    except ScoreOutOfRangeError:
        out.failed(reason=_BAD_SCORE)
        return _Weight(score_rule.default, counts=True) if certain else None
    return _Weight(risk, counts=certain or risk >= threshold)


def _weigh_safe(
    signal: Signal, match: RuleMatch, score_rule: ScoreRule, out: EntryFindings, *, versioned: bool
) -> None:
    sure = 1.0
    if signal.score is not None or signal.severity is not None:
        by_risk = score_rule.of is ScoreOf.RISK or score_rule.direction is Direction.QUALITY
        direction = score_rule.direction if by_risk else Direction.RISK
        try:
            value = risk_of(signal.score, signal.severity, score_rule, direction)
        except ScoreOutOfRangeError:
            out.failed(reason=_BAD_SCORE)
            return
        sure = 1.0 - value if by_risk else value
    if versioned:
        out.doubtful(match, reason=OTHER_VERSION)
    elif sure < score_rule.safe_above:
        out.doubtful(match, reason="The detector called the content safe with little confidence.")
    else:
        out.safe(match)


def _top_of_each_group(signals: Iterable[Signal]) -> frozenset[int]:
    best: dict[int, tuple[float, int]] = {}
    for index, signal in enumerate(signals):
        score = signal.score if signal.score is not None else 1.0
        if signal.group not in best or score > best[signal.group][0]:
            best[signal.group] = (score, index)
    return frozenset(index for _, index in best.values())
