"""What the registry of model versions needs from the outside; adapters/ implements it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from mapper_svc.domain.label_model import ModelVersion
from mapper_svc.domain.model_fleet import Fleet, ServedModel
from mapper_svc.domain.model_transitions import Change
from mapper_svc.domain.ports import LabelModel

Connect = Callable[[ServedModel], LabelModel]
"""Makes the way to a version's server; nothing is sent before it is asked."""


@dataclass(frozen=True, slots=True)
class Served:
    """What a model server says of itself, and the labels that its answers are told in."""

    version: ModelVersion
    labels: tuple[str, ...]


class ModelProbe(Protocol):
    """Asks a model server what it serves."""

    async def ask(self, url: str, token_env: str | None) -> Served:
        """Return what it says; ServiceError INVALID_REQUEST or SERVICE_UNAVAILABLE when that is of no use."""
        ...


class FleetStore(Protocol):
    """Keeps the fleet; all replicas see one."""

    async def revision(self) -> int:
        """Return the number of changes so far; StorageUnavailableError."""
        ...

    async def load(self) -> Fleet:
        """Return the fleet; StorageUnavailableError."""
        ...

    async def change(self, step: Callable[[Fleet], Change], *, actor: str) -> Change:
        """Apply a step to the fleet as it is now, one at a time, with its audit event; both or neither."""
        ...


class TrialStore(Protocol):
    """Adds up what the replicas counted."""

    async def add(self, trial_id: UUID, counts: Mapping[str, int]) -> None:
        """Add counts; StorageUnavailableError."""
        ...

    async def total(self, trial_id: UUID) -> dict[str, int]:
        """Return the counts since the trial began; StorageUnavailableError."""
        ...

    async def window(self, trial_id: UUID, seconds: int) -> dict[str, int]:
        """Return the counts of the last ``seconds``; StorageUnavailableError."""
        ...

    async def prune(self) -> None:
        """Remove what no window reaches any longer; StorageUnavailableError."""
        ...


class FleetNews(Protocol):
    """Carries the news of a change from one replica to the others; may lose it."""

    async def tell(self) -> None:
        """Say that something changed; never fails."""
        ...

    async def wait(self, seconds: float) -> None:
        """Return when something changed anywhere, or after ``seconds``."""
        ...


class FleetEvents(Protocol):
    """Hears what happens to versions, for metrics and logs."""

    def fleet_taken(self, fleet: Fleet) -> None:
        """This replica serves by this fleet from now on."""
        ...

    def fleet_unread(self, reason: str) -> None:
        """The fleet could not be read; ``reason`` is a plain identifier."""
        ...

    def trial_call(self, arm: str, outcome: str) -> None:
        """A call of a trial's arm ended: ``answered``, or a ModelFault. ``skipped``: no room to make it."""
        ...

    def mirrored(self, outcome: str) -> None:
        """A question was put to the other arm as well: ``compared``, ``skipped`` or ``failed``."""
        ...

    def rolled_back(self, version: str, reason: str) -> None:
        """A trial was ended because its version is worse."""
        ...

    def not_adopted(self, reason: str) -> None:
        """The server named in the settings could not be taken; ``reason`` says why."""
        ...
