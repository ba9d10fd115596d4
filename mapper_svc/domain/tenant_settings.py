"""What a tenant decides about its mapping, and the port through which mapping asks for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Protocol
from uuid import UUID

STALE = "The tenant's settings could not be read: the last known ones hold."
UNREAD = "The tenant's settings could not be read: the defaults hold."


class Piece(StrEnum):
    """A piece of the mapping that a tenant can switch off.

    Members:
        RULE: exact rules of vendor files.
        MODEL: the model, together with the embedding head.
        SEMANTIC: the embedding head alone, where the model has no say.
        SIMILARITY: rules by likeness of words.
    """

    RULE = "rule"
    MODEL = "model"
    SEMANTIC = "semantic"
    SIMILARITY = "similarity"


@dataclass(frozen=True, slots=True)
class MappingChoices:
    """What one tenant chose; as constructed without arguments, the defaults.

    Attributes:
        off: pieces that are switched off.
        threshold: least confidence in [0, 1] of any label that a model names, or None to leave it to the
            model version.
        label_thresholds: the same for single labels, by canonical name.
        feedback_for_training: whether feedback of this tenant may enter training.
    """

    off: frozenset[Piece] = frozenset()
    threshold: float | None = None
    label_thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    feedback_for_training: bool = False

    def on(self, piece: Piece) -> bool:
        """Whether the piece takes part in the tenant's mapping."""
        return piece not in self.off

    def threshold_of(self, label: str, models: float) -> float:
        """Returns the least confidence for a label: the highest of the model version's and the tenant's."""
        return max(models, self.threshold or 0.0, self.label_thresholds.get(label, 0.0))


@dataclass(frozen=True, slots=True)
class CurrentChoices:
    """What holds for a tenant now.

    Attributes:
        choices: to be followed.
        version: of the tenant's settings, counted from 1; 0 when it never set any.
        note: one sentence for the notes of an answer when the settings could not be read, else empty.
    """

    choices: MappingChoices = field(default_factory=MappingChoices)
    version: int = 0
    note: str = ""


class TenantSettings(Protocol):
    """Knows what each tenant chose."""

    async def of(self, tenant_id: UUID) -> CurrentChoices:
        """Return what holds for the tenant, mostly from memory.

        It never fails and never holds a request up: where the settings cannot be read in time the last known
        ones hold, else the defaults, and `note` says so.
        """
        ...


class DefaultSettings:
    """The defaults for every tenant."""

    async def of(self, tenant_id: UUID) -> CurrentChoices:  # noqa: ARG002 - the shape of the port
        """Return the defaults."""
        return CurrentChoices()
