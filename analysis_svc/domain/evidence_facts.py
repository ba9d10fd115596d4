"""What the kept evidence of a period adds up to, and the port that counts it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.reviewed_findings import Breaks, ReviewedFinding

EVIDENCE_SHOWN = 20
"""Evidence ids given beside a statement; the count says how many there are."""


@dataclass(frozen=True, slots=True)
class Period:
    """A stretch of time, `start` included and `end` not, UTC; of one application when it is named."""

    start: datetime
    end: datetime
    application: str | None = None


@dataclass(frozen=True, slots=True)
class Looks:
    """Analyses of one clock hour in which the same senses gave a clean result.

    A sense gave one when a detector of it succeeded, is not listed as failed as well, and left nothing open:
    neither an output that could not be read, nor a label that is unknown or waits for a person.

    Attributes:
        senses: names of those.
        analyses: how many.
        first: when the first of them was.
        last: when the last was.
    """

    senses: frozenset[str]
    analyses: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class LabelFacts:
    """Findings of one label in the period.

    Attributes:
        label: canonical.
        findings: how many rows of evidence.
        strong: how many of them are strong enough to break a control that they bear on directly.
        last_strong_at: when the last of those was; None without any.
        strong_in: ids of analyses with such a one, the newest first, at most EVIDENCE_SHOWN.
        strong_analyses: how many analyses those are.
    """

    label: str
    findings: int
    strong: int
    last_strong_at: datetime | None
    strong_in: tuple[UUID, ...]
    strong_analyses: int


@dataclass(frozen=True, slots=True)
class StoredViolations:
    """Analyses that were answered with this control as violated when they were made."""

    analyses: int
    last_at: datetime
    evidence: tuple[UUID, ...]


@dataclass(frozen=True, slots=True)
class Versions:
    """One set of versions that analyses of the period were made with.

    Attributes:
        taxonomy: edition of the labels.
        stated: what else was told: frameworks, model, policy, detectors; None where nothing was.
        analyses: how many.
    """

    taxonomy: str
    stated: Mapping[str, object] | None
    analyses: int


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything about a period that a control's status is made from."""

    looks: Sequence[Looks]
    labels: Mapping[str, LabelFacts]
    violations: Mapping[str, StoredViolations]
    """By "framework control"."""
    versions: Sequence[Versions]
    aside: Sequence[ReviewedFinding] = ()
    """What counts no more as it was kept, the newest first; all else here is counted accordingly."""


class EvidenceFacts(Protocol):
    """Counts the kept evidence of a tenant."""

    async def of(
        self,
        tenant_id: UUID,
        period: Period,
        *,
        senses: Mapping[str, Sequence[str]],
        severities: Mapping[str, float],
        breaks: Breaks,
    ) -> Facts:
        """Count what was kept in a period.

        Args:
            tenant_id: whose evidence.
            period: when, and of which application.
            senses: names of detectors, by sense.
            severities: of each label, in [0, 1].
            breaks: what a strong finding of each label breaks.

        Raises:
            ServiceError: INVALID_REQUEST when there are too many kinds of analyses, or too many findings that
                were put aside, to be counted at once.
            StorageUnavailableError: the database does not answer.
        """
        ...
