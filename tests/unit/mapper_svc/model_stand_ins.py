"""Models, routers and caches for tests of the model tier; in memory and obedient."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from uuid import UUID

from mapper_svc.domain.label_model import (
    AskedLabel,
    LabelDistributions,
    ModelAnswer,
    ModelFault,
    ModelUnavailableError,
    ModelVersion,
)
from mapper_svc.domain.ports import RoutedModel

VERSION = ModelVersion(
    name="smollm2-135m",
    version="0123456789ab",
    adapter="a" * 16,
    base="base",
    taxonomy="2026.11",
    label_tokens="b" * 16,
    calibrator="c" * 16,
    threshold=0.7,
    engine="transformers",
)


def spread(labels: Sequence[str], known: Mapping[str, float]) -> list[float]:
    """The given probabilities, what is left over all labels alike."""
    rest = (1 - sum(known.values())) / len(labels)
    return [known.get(label, 0.0) + rest for label in labels]


class Model:
    """Knows some labels; may be slow or fail."""

    def __init__(
        self,
        labels: Sequence[str],
        meanings: Mapping[str, Mapping[str, float]],
        version: ModelVersion = VERSION,
    ) -> None:
        self.labels = tuple(labels)
        self.meanings = meanings
        self.version = version
        self.calls: list[list[AskedLabel]] = []
        self.delay_s = 0.0
        self.slow_s: Mapping[str, float] = {}
        self.fault: ModelFault | None = None
        self.head: Mapping[str, Mapping[str, float]] = {}

    async def distributions(self, asked: Sequence[AskedLabel]) -> ModelAnswer:
        self.calls.append(list(asked))
        await asyncio.sleep(max(self.delay_s, *(self.slow_s.get(one.label, 0.0) for one in asked)))
        if self.fault is not None:
            raise ModelUnavailableError(self.fault)
        said = tuple(self._say(one.label) for one in asked)
        return ModelAnswer(self.version, self.labels, said, tokens=sum(len(one.label) for one in asked))

    @property
    def asked(self) -> list[str]:
        return [one.label for call in self.calls for one in call]

    def _say(self, label: str) -> LabelDistributions:
        combined = spread(self.labels, self.meanings.get(label, {}))
        head = spread(self.labels, self.head.get(label, self.meanings.get(label, {})))
        return LabelDistributions(combined, combined, head)


class Router:
    """One model for everybody, or a fault."""

    def __init__(self, model: Model | None, fault: ModelFault | None = None) -> None:
        self.model = model
        self.fault = fault

    def pick(self, tenant_id: UUID) -> RoutedModel | None:  # noqa: ARG002 - the shape of the port
        if self.fault is not None:
            raise ModelUnavailableError(self.fault)
        return None if self.model is None else RoutedModel(self.model, self.model.version)


class Cache:
    """Keeps everything for ever."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, AskedLabel], LabelDistributions] = {}

    async def get(
        self, version: ModelVersion, asked: Sequence[AskedLabel]
    ) -> Mapping[AskedLabel, LabelDistributions]:
        keys = {one: (version.version, one) for one in asked}
        return {one: self.kept[key] for one, key in keys.items() if key in self.kept}

    async def put(self, asked: Sequence[AskedLabel], answer: ModelAnswer) -> None:
        for one, said in zip(asked, answer.distributions, strict=True):
            self.kept[answer.version.version, one] = said


class Heard:
    """Remembers what went unheard."""

    def __init__(self) -> None:
        self.unheard: list[tuple[str, int]] = []
        self.tokens: Counter[UUID] = Counter()
        self.seconds: dict[UUID, float] = {}

    def model_asked(self, tenant_id: UUID, *, tokens: int, seconds: float) -> None:
        self.tokens[tenant_id] += tokens
        self.seconds[tenant_id] = self.seconds.get(tenant_id, 0.0) + seconds

    def model_not_heard(self, reason: str, count: int) -> None:
        self.unheard.append((reason, count))

    def findings(self, tier: str, count: int) -> None:
        pass

    def review_not_kept(self, count: int, *, reason: str) -> None:
        pass
