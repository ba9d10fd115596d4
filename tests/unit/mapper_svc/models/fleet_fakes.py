"""Stand-ins for what versions of the model need from the outside."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from mapper_svc.domain.errors import ServiceError
from mapper_svc.domain.label_model import (
    AskedLabel,
    LabelDistributions,
    ModelAnswer,
    ModelFault,
    ModelUnavailableError,
    ModelVersion,
)
from mapper_svc.domain.model_fleet import Fleet, ModelState, ServedModel, Source, Trial, TrialKind
from mapper_svc.domain.model_ports import Served
from mapper_svc.domain.model_transitions import Change

START = datetime(2026, 11, 22, tzinfo=UTC)
LABELS = ("PII.Contact.Email", "HARM.Speech.Harassment", "OTHER.Safe")


def version_of(release: str, **changes: Any) -> ModelVersion:
    says: dict[str, Any] = {
        "name": "tiny",
        "version": release,
        "adapter": f"adapter {release}",
        "base": "base",
        "taxonomy": "2026.11",
        "label_tokens": "tokens",
        "calibrator": "calibrator",
        "threshold": 0.7,
        "engine": "transformers",
    }
    return ModelVersion(**(says | changes))


def served(release: str, **changes: Any) -> ServedModel:
    given: dict[str, Any] = {
        "version": version_of(release),
        "url": f"http://127.0.0.1/{release}",
        "token_env": None,
        "state": ModelState.CANDIDATE,
        "source": Source.API,
        "created_at": START,
    }
    return ServedModel(**(given | changes))


def trial(release: str, kind: TrialKind = TrialKind.CANARY, percent: int = 10) -> Trial:
    return Trial(id=uuid4(), kind=kind, version=release, percent=percent, salt=b"s", started_at=START)


@dataclass
class FakeModel:
    """Answers with one label, or fails, after a while."""

    release: str
    label: str = LABELS[0]
    confidence: float = 0.9
    fault: ModelFault | None = None
    delay_s: float = 0.0
    asked: list[Sequence[AskedLabel]] = field(default_factory=list)

    async def distributions(self, asked: Sequence[AskedLabel]) -> ModelAnswer:
        self.asked.append(asked)
        await asyncio.sleep(self.delay_s)
        if self.fault is not None:
            raise ModelUnavailableError(self.fault)
        rest = (1 - self.confidence) / (len(LABELS) - 1)
        spread = [self.confidence if label == self.label else rest for label in LABELS]
        one = LabelDistributions(spread, spread, spread)
        return ModelAnswer(version_of(self.release), LABELS, (one,) * len(asked))


@dataclass
class FakeEvents:
    """Remembers what it hears."""

    heard: list[tuple[str, ...]] = field(default_factory=list)

    def fleet_taken(self, fleet: Fleet) -> None:
        self.heard.append(("taken", str(fleet.revision)))

    def fleet_unread(self, reason: str) -> None:
        self.heard.append(("unread", reason))

    def trial_call(self, arm: str, outcome: str) -> None:
        self.heard.append((arm, outcome))

    def mirrored(self, outcome: str) -> None:
        self.heard.append(("mirrored", outcome))

    def rolled_back(self, version: str, reason: str) -> None:
        self.heard.append(("rolled back", version, reason))

    def not_adopted(self, reason: str) -> None:
        self.heard.append(("not adopted", reason))


@dataclass
class FakeStore:
    """Keeps fleet and counts in memory; `down` is the fault of every call, if any."""

    fleet: Fleet = field(default_factory=Fleet)
    down: ServiceError | None = None
    audited: list[tuple[str, str, str]] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    loads: int = 0

    def _check(self) -> None:
        if self.down is not None:
            raise self.down

    async def revision(self) -> int:
        self._check()
        return self.fleet.revision

    async def load(self) -> Fleet:
        self._check()
        self.loads += 1
        return self.fleet

    async def change(self, step: Callable[[Fleet], Change], *, actor: str) -> Change:
        self._check()
        change = step(self.fleet)
        if change.action is not None:
            self.audited.append((actor, change.action, change.subject))
        self.fleet = change.fleet
        return change

    async def add(self, trial_id: UUID, counts: Mapping[str, int]) -> None:  # noqa: ARG002 - the port's shape
        self._check()
        self.counts.update(counts)

    async def total(self, trial_id: UUID) -> dict[str, int]:  # noqa: ARG002 - the port's shape
        self._check()
        return dict(self.counts)

    async def window(self, trial_id: UUID, seconds: int) -> dict[str, int]:  # noqa: ARG002 - the port's shape
        return await self.total(trial_id)

    async def prune(self) -> None:
        self._check()


class FakeNews:
    """Counts what is told; nothing is ever heard."""

    def __init__(self) -> None:
        self.told = 0

    async def tell(self) -> None:
        self.told += 1

    async def wait(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class FakeProbe:
    """Says what it is told to, by URL."""

    says: dict[str, Served | ServiceError] = field(default_factory=dict)
    asked: list[tuple[str, str | None]] = field(default_factory=list)

    async def ask(self, url: str, token_env: str | None) -> Served:
        self.asked.append((url, token_env))
        said = self.says[url]
        if isinstance(said, ServiceError):
            raise said
        return said
