"""What an export is made of, whatever its form."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from analysis_svc.domain.audit import AuditEvent, ChainState
from analysis_svc.domain.control_status import FrameworkStatus
from analysis_svc.domain.evidence_rules import RuleBook
from analysis_svc.domain.ports import EvidenceRecord

MAX_ANALYSES = 20_000
"""Analyses in one export; it is built in memory, some 2 KB for each."""
MAX_EVENTS = 10_000
"""Audit events in one export."""


class ExportFormat(StrEnum):
    """How it is written."""

    OSCAL = "oscal"
    JSON = "json"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class AuditExtract:
    """The audit log around an export.

    Attributes:
        events: of the period, in order, without a gap.
        state: of the whole chain, checked when the export was made.
    """

    events: tuple[AuditEvent, ...]
    state: ChainState


@dataclass(frozen=True, slots=True)
class Export:
    """Everything that goes into a file but its seal.

    Attributes:
        tenant_id: whose.
        product: name and version of what made it.
        made_at: when, UTC.
        made_by: token id of who asked for it.
        status: of the controls, with its period.
        book: the rules by which it was made.
        records: the evidence of the period, oldest first.
        audit: the audit log.
    """

    tenant_id: UUID
    product: str
    made_at: datetime
    made_by: str
    status: FrameworkStatus
    book: RuleBook
    records: tuple[EvidenceRecord, ...]
    audit: AuditExtract


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """A finished file."""

    name: str
    media_type: str
    content: bytes
