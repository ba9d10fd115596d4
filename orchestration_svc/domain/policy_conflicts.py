"""What holds when several detectors speak about the same label."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from orchestration_svc.domain.downstream import MappedFinding
from orchestration_svc.domain.policy import ConflictStrategy, Policy, is_within

_A_VOTE = 0.5


@dataclass(frozen=True, slots=True)
class ResolvedFinding:
    """One label, and what the detectors together say of it.

    Attributes:
        label: canonical.
        score: risk in [0, 1].
        confidence: of the mapping behind it, in [0, 1].
        detectors: those that named the label.
        occurrences: how often they did.
    """

    label: str
    score: float
    confidence: float
    detectors: tuple[str, ...]
    occurrences: int


@dataclass(frozen=True, slots=True)
class Resolution:
    """Findings as the policy counts them.

    Attributes:
        findings: by label, each once.
        outvoted: labels that most of the detectors that could have found them did not.
        contested: labels about which detectors differed.
        below: labels whose score does not reach the policy's threshold.
    """

    findings: tuple[ResolvedFinding, ...]
    outvoted: tuple[str, ...] = ()
    contested: tuple[str, ...] = ()
    below: tuple[str, ...] = ()


def resolve(found: Sequence[MappedFinding], policy: Policy, succeeded: Collection[str]) -> Resolution:
    """Make one finding of each label.

    A detector that succeeded and is silent speaks against a label only where the policy says that it covers
    the label; for all others silence means nothing.

    Args:
        found: what the mapper made of all outputs.
        policy: gives strategy, weights, thresholds and who covers what.
        succeeded: detectors that gave an output.
    """
    by_label: dict[str, dict[str, list[MappedFinding]]] = {}
    for one in found:
        by_label.setdefault(one.label, {}).setdefault(one.detector, []).append(one)
    kept: list[ResolvedFinding] = []
    outvoted: list[str] = []
    contested: list[str] = []
    below: list[str] = []
    for label, by_detector in sorted(by_label.items()):
        said = {name: max(ones, key=lambda one: one.score) for name, ones in by_detector.items()}
        silent = [
            name
            for name in succeeded
            if name not in said and any(is_within(label, one) for one in policy.covers.get(name, ()))
        ]
        if silent or len({one.score for one in said.values()}) > 1:
            contested.append(label)
        resolved = _one_of(label, list(said.values()), silent, policy)
        if resolved is None:
            outvoted.append(label)
        elif resolved.score < policy.threshold_of(label):
            below.append(label)
        else:
            count = sum(one.occurrences for ones in by_detector.values() for one in ones)
            score, confidence = resolved.score, resolved.confidence
            kept.append(ResolvedFinding(label, score, confidence, tuple(sorted(said)), count))
    return Resolution(tuple(kept), tuple(outvoted), tuple(contested), tuple(below))


def _one_of(
    label: str, said: Sequence[MappedFinding], silent: Sequence[str], policy: Policy
) -> ResolvedFinding | None:
    strategy = policy.conflict
    best = max(said, key=lambda one: (one.score, one.confidence))
    if strategy is ConflictStrategy.HIGHEST_CONFIDENCE:
        best = max(said, key=lambda one: (one.confidence, one.score))
    elif strategy is ConflictStrategy.WEIGHTED_AVERAGE:
        weights = [policy.weights.get(one.detector, 1.0) for one in said]
        total = sum(weights) + sum(policy.weights.get(name, 1.0) for name in silent)
        pairs = list(zip(said, weights, strict=True))
        score = min(1.0, sum(one.score * weight for one, weight in pairs) / total)
        confidence = min(1.0, sum(one.confidence * weight for one, weight in pairs) / sum(weights))
        return ResolvedFinding(label, score, confidence, (), 0)
    elif strategy is ConflictStrategy.MAJORITY_VOTE:
        yes = [one for one in said if one.score >= _A_VOTE]
        # A tie stays a finding: where detectors are divided, a person should look.
        if 2 * len(yes) < len(said) + len(silent):
            return None
        mean = sum(one.score for one in yes) / len(yes)
        return ResolvedFinding(label, mean, max(one.confidence for one in yes), (), 0)
    return ResolvedFinding(label, best.score, best.confidence, (), 0)
