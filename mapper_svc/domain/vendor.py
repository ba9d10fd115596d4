from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from mapper_svc.domain.label_key import label_key, label_tail
from mapper_svc.domain.taxonomy import VIOLATION

UNMEASURED_SAFE = 0.5
"""Confidence in a safe answer of a detector that nobody measured: nothing is known for or against it."""


class Direction(StrEnum):
    """What a vendor's number or level says.

    Members:
        RISK: in [0, 1], high is bad.
        QUALITY: in [0, 1], low is bad.
        SIGNED: in [-1, 1], above zero is a hit.
        ENUM: a named level, its risk in the vendor's table.
        SEVERITY: a number from 0 to the vendor's maximum.
    """

    RISK = "risk"
    QUALITY = "quality"
    SIGNED = "signed"
    ENUM = "enum"
    SEVERITY = "severity"


class ScoreOf(StrEnum):
    """What the score beside a safe label measures: confidence in that label, or risk whatever the label."""

    LABEL = "label"
    RISK = "risk"


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """How the scores of one vendor are read.

    Attributes:
        direction: what the score says.
        threshold: smallest risk in [0, 1] at which a label without a verdict of its own is reported.
        maximum: highest severity of the SEVERITY direction.
        table: risk in [0, 1] of each named level, level names in upper case.
        default: risk of a flagged label that carries no score.
        of: what the score beside a safe label measures.
        safe_above: a safe label stands alone only with at least this confidence in [0, 1].
        top_wins: the vendor picks one class of several, so the highest score is its decision even when
            it is under the threshold.
    """

    direction: Direction = Direction.RISK
    threshold: float = 0.5
    maximum: float = 1.0
    table: Mapping[str, float] = field(default_factory=dict)
    default: float = 1.0
    of: ScoreOf = ScoreOf.LABEL
    safe_above: float = 0.5
    top_wins: bool = False


@dataclass(frozen=True, slots=True)
class LabelRule:
    """Where one raw label of a vendor goes.

    Attributes:
        raw: the label as the vendor spells it.
        to: the canonical label.
        direction: overrides the vendor's direction for this label.
        threshold: overrides the vendor's threshold for this label.
        confidence: how sure the mapping is, in [0, 1]; lower for detectors known to be noisy.
    """

    raw: str
    to: str
    direction: Direction | None = None
    threshold: float | None = None
    confidence: float = 1.0


@dataclass(frozen=True)
class Vendor:
    """What is known of one vendor's output.

    Attributes:
        id: plain identifier, the name of the file that declares it.
        title: the vendor's own name of the detector.
        source: where the labels are published.
        edition: the version of the detector or of its API whose labels these are.
        aliases: detector names that mean this vendor.
        parser: id of the parser of its native payload, or None when only labels are known.
        versions: major versions these labels belong to; empty means that the version does not matter.
        general: canonical label of a payload that is flagged without saying why.
        number: raw label that a bare number is the score of, or None when a bare number means nothing.
        score: how its scores are read.
        labels: rule by raw label, safe labels included.
        empty_list_is_safe: the detector answers an empty list when it finds nothing; otherwise such a list is
            no answer.
        safe_confidence: how sure a safe answer is, in [0, 1]. With s the share of harmless texts it passes
            and r the share of bad ones it flags: s / (s + 1 - r), the share of its safe answers that are
            right where bad and harmless texts are as many.
    """

    id: str
    title: str
    source: str
    edition: str
    aliases: tuple[str, ...] = ()
    parser: str | None = None
    versions: tuple[str, ...] = ()
    general: str = VIOLATION
    number: str | None = None
    score: ScoreRule = field(default_factory=ScoreRule)
    labels: Mapping[str, LabelRule] = field(default_factory=dict)
    empty_list_is_safe: bool = False
    safe_confidence: float = UNMEASURED_SAFE

    def rule_by_key(self, raw: str) -> LabelRule | None:
        """Returns the rule of a label in another spelling or by the last part of its path, or None."""
        key = label_key(raw)
        return self._by_key.get(key) or self._by_tail.get(key)

    @cached_property
    def _by_key(self) -> dict[str, LabelRule]:
        return _unambiguous([(label_key(raw), rule) for raw, rule in self.labels.items()])

    @cached_property
    def _by_tail(self) -> dict[str, LabelRule]:
        tails = [(label_tail(raw), rule) for raw, rule in self.labels.items()]
        return _unambiguous([(label_key(tail), rule) for tail, rule in tails if len(tail) > 1])


def _unambiguous(entries: list[tuple[str, LabelRule]]) -> dict[str, LabelRule]:
    """Keeps a key only when every label behind it goes to the same canonical label."""
    found: dict[str, LabelRule] = {}
    ambiguous: set[str] = set()
    for key, rule in entries:
        first = found.setdefault(key, rule)
        if first.to != rule.to:
            ambiguous.add(key)
    return {key: rule for key, rule in found.items() if key and key not in ambiguous}
