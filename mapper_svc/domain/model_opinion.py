"""What models said of the labels of one request."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from mapper_svc.domain.label_model import AskedLabel, LabelDistributions, ModelFault, ModelVersion


@dataclass(frozen=True, slots=True)
class Judgement:
    """What one version said of one label.

    Attributes:
        version: who said it.
        labels: the canonical labels that the probabilities belong to.
        distributions: the probabilities.
    """

    version: ModelVersion
    labels: tuple[str, ...]
    distributions: LabelDistributions

    def best(self, probabilities: Sequence[float], count: int) -> list[tuple[str, float]]:
        """Returns the likeliest labels with their probability in [0, 1], the likeliest first."""
        order = sorted(range(len(self.labels)), key=probabilities.__getitem__, reverse=True)
        return [(self.labels[place], probabilities[place]) for place in order[:count]]


@dataclass(frozen=True, slots=True)
class ModelOpinion:
    """Everything that was heard in time.

    Attributes:
        judgements: by label asked.
        faults: by label asked, why nothing was heard of it.
    """

    judgements: Mapping[AskedLabel, Judgement] = field(default_factory=lambda: MappingProxyType({}))
    faults: Mapping[AskedLabel, ModelFault] = field(default_factory=lambda: MappingProxyType({}))


NO_OPINION = ModelOpinion()
"""That of a service without a model."""
