"""What the use cases need from the outside; adapters/ implements it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from mapper_svc.domain.audit import AuditEvent, ChainState
from mapper_svc.domain.findings import UnmappedLabel
from mapper_svc.domain.label_model import AskedLabel, ModelAnswer, ModelVersion
from mapper_svc.domain.review_decisions import Decision, DecisionState


@dataclass(frozen=True, slots=True)
class ReviewItem:
    """A raw label that maps to nothing, waiting for a person.

    Attributes:
        item_id: its id in the tenant.
        vendor: vendor id, or the detector's name when no vendor is known.
        raw_label: scrubbed, 200 characters at most.
        guesses: the labels it may mean, best first.
        occurrences: how often it was seen.
        first_seen: when first, UTC.
        last_seen: when last, UTC.
        decision: the newest on it, or None.
    """

    item_id: UUID
    vendor: str
    raw_label: str
    guesses: tuple[str, ...]
    occurrences: int
    first_seen: datetime
    last_seen: datetime
    decision: Decision | None = None


@dataclass(frozen=True, slots=True)
class ReviewPosition:
    """A place in the queue's order: last seen first, those seen at once by id."""

    last_seen: datetime
    item_id: UUID


class ReviewQueue(Protocol):
    """Keeps labels that map to nothing."""

    async def keep(self, tenant_id: UUID, labels: Sequence[UnmappedLabel]) -> None:
        """Add labels, or count them when known; raises StorageUnavailableError and nothing else."""
        ...

    async def page(
        self,
        tenant_id: UUID,
        *,
        limit: int,
        after: ReviewPosition | None = None,
        state: DecisionState | None = None,
    ) -> list[ReviewItem]:
        """Return the tenant's items, last seen first.

        Args:
            tenant_id: whose.
            limit: most of them.
            after: only those that come behind it.
            state: only those in it.
        """
        ...


class LabelModel(Protocol):
    """One version of a model that tells the canonical labels which raw labels may mean."""

    async def distributions(self, asked: Sequence[AskedLabel]) -> ModelAnswer:
        """Return one entry for each asked label, in order; raises ModelUnavailableError and nothing else."""
        ...


@dataclass(frozen=True, slots=True)
class RoutedModel:
    """The model that serves a tenant now, and which version it is: answers of one version may be kept."""

    model: LabelModel
    version: ModelVersion


class ModelRouter(Protocol):
    """Knows which version of the model serves which tenant; answers from memory."""

    def pick(self, tenant_id: UUID) -> RoutedModel | None:
        """Return the tenant's model, or None when this service runs without any.

        Raises:
            ModelUnavailableError: there is one, and nobody knows yet which version, or it cannot be used.
        """
        ...


class AuditLog(Protocol):
    """Reads the audit log."""

    async def page(self, tenant_id: UUID, *, before: int | None, limit: int) -> list[AuditEvent]:
        """Return events newest first, older than position ``before``."""
        ...

    async def verify(self, tenant_id: UUID) -> ChainState:
        """Check the whole chain."""
        ...
