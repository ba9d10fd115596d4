"""How a label that no rule knows gets its canonical one: the tiers behind the rules."""

from collections.abc import Sequence
from dataclasses import dataclass

from mapper_svc.domain.findings import Tier
from mapper_svc.domain.label_model import LEAST_THRESHOLD, AskedLabel, ModelFault, ModelVersion
from mapper_svc.domain.model_opinion import NO_OPINION, Judgement, ModelOpinion
from mapper_svc.domain.similar_labels import GUESSES_MAX, SimilarLabels
from mapper_svc.domain.taxonomy import MODEL_ERROR, SAFE, UNKNOWN
from mapper_svc.domain.tenant_settings import MappingChoices, Piece
from mapper_svc.domain.unknown_allowance import UnknownAllowance

NEVER_NAMED = frozenset({SAFE, UNKNOWN, MODEL_ERROR})
"""Said by rules alone. Above all that a text is safe: a model's error would then hide a hit."""
_READS_AS_SAFE = "The model reads the label as safe, which only a vendor's own table may say."
_WHY = {
    ModelFault.UNREACHABLE: "it could not be reached",
    ModelFault.TIMEOUT: "it did not answer in time",
    ModelFault.REFUSED: "it refused the question",
    ModelFault.OVERLOADED: "it has too much to do",
    ModelFault.FAILED: "it failed",
    ModelFault.BAD_ANSWER: "its answer was unusable",
    ModelFault.MISMATCH: "it belongs to another edition",
    ModelFault.BREAKER_OPEN: "it failed repeatedly and is left alone for a while",
    ModelFault.BUSY: "too much is being asked of it at once",
}


@dataclass(frozen=True, slots=True)
class Naming:
    """The canonical label of a raw one.

    Attributes:
        label: the canonical label.
        confidence: how likely it is right, in [0, 1].
        tier: which tier named it.
        guesses: what it may mean instead, best first; only of an unknown one.
        notes: what a reader should know.
        heard: the version whose probabilities had a part in it, or None.
    """

    label: str
    confidence: float
    tier: Tier
    guesses: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    heard: ModelVersion | None = None


class LabelNamer:
    """Names labels by model, then by likeness; what neither is sure of is unknown and gets guesses.

    Args:
        similar: the rules by likeness.
        choices: what the tenant chose.
        opinion: what models said.
        note: said of every label that is named, or empty.
    """

    def __init__(
        self,
        similar: SimilarLabels,
        choices: MappingChoices,
        opinion: ModelOpinion = NO_OPINION,
        note: str = "",
    ) -> None:
        self._similar = similar
        self._choices = choices
        self._opinion = opinion
        self._notes = (note,) if note else ()

    def is_missed(self, asked: AskedLabel) -> bool:
        """Whether a model should have been heard on the label and was not."""
        return asked in self._opinion.faults

    def name(self, asked: AskedLabel, allowance: UnknownAllowance, *, trusted: bool) -> Naming:
        """Names one label.

        Args:
            asked: the label, in the form in which it may be asked about.
            allowance: what the hand-over may still spend on guesses.
            trusted: False when the vendor's own words may have changed their meaning, so that likeness to
                them proves nothing.
        """
        notes = self._notes
        if asked in self._opinion.faults:
            notes = (f"The model was not heard: {_WHY[self._opinion.faults[asked]]}.", *notes)
        judgement = self._opinion.judgements.get(asked)
        if judgement is not None:
            named = self._by_model(judgement)
            if named is not None:
                return named
        if trusted and self._choices.on(Piece.SIMILARITY):
            alike = self._similar.answer(asked.label)
            if alike is not None and alike.confidence >= self._choices.threshold_of(alike.label, 0.0):
                return Naming(alike.label, alike.confidence, Tier.SEMANTIC, notes=notes)
        if judgement is not None:
            return self._guessed(judgement)
        return guess(asked.label, self._similar, allowance, notes)

    def _by_model(self, judgement: Judgement) -> Naming | None:
        label, confidence = judgement.best(self._probabilities(judgement), 1)[0]
        version = judgement.version
        if version.threshold is None or label in NEVER_NAMED:
            return None
        if confidence < self._choices.threshold_of(label, max(version.threshold, LEAST_THRESHOLD)):
            return None
        tier = Tier.MODEL if self._choices.on(Piece.MODEL) else Tier.SEMANTIC
        return Naming(label, confidence, tier, notes=self._notes, heard=version)

    def _guessed(self, judgement: Judgement) -> Naming:
        best = judgement.best(self._probabilities(judgement), GUESSES_MAX)
        said = f"Best guesses: {', '.join(f'{label} ({share:.2f})' for label, share in best)}."
        notes = (*([_READS_AS_SAFE] if best[0][0] == SAFE else []), said, *self._notes)
        guesses = tuple(label for label, _ in best)
        return Naming(UNKNOWN, 0.0, Tier.FALLBACK, guesses=guesses, notes=notes, heard=judgement.version)

    def _probabilities(self, judgement: Judgement) -> Sequence[float]:
        heard = judgement.distributions
        return heard.combined if self._choices.on(Piece.MODEL) else heard.head


def guess(
    label: str, similar: SimilarLabels, allowance: UnknownAllowance, notes: tuple[str, ...] = ()
) -> Naming:
    """Returns an unknown naming with the labels that are alike; past the allowance with none."""
    if not allowance.take_guess():
        notes = (*notes, "Too many unknown labels at once to guess at each.")
        return Naming(UNKNOWN, 0.0, Tier.FALLBACK, notes=notes)
    guesses = similar.guess(label)
    said = f"Best guesses: {', '.join(guesses)}." if guesses else "Nothing known is alike."
    return Naming(UNKNOWN, 0.0, Tier.FALLBACK, guesses=guesses, notes=(*notes, said))
