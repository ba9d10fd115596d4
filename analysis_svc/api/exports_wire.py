"""What goes over the wire about exports."""

from datetime import datetime
from uuid import UUID

import msgspec

from analysis_svc.api.wire import Name
from analysis_svc.domain.exports.export import ExportFormat
from analysis_svc.domain.exports.make_export import MadeExport


class ExportRequest(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """What to export: ``from`` and ``to`` carry their zones; absent, they are the last 30 days."""

    framework: Name
    format: ExportFormat
    start: datetime | None = None
    end: datetime | None = None
    application: Name | None = None


class MadeExportOut(msgspec.Struct, frozen=True):
    """One export that was made. ``digest``: of its seal, which the next export names as the one before it."""

    sequence: int
    export_id: UUID
    made_at: datetime
    made_by: str
    framework: str
    start: datetime
    end: datetime
    application: str | None
    format: ExportFormat
    records: int
    content: str
    digest: str
    kid: str


class ExportPage(msgspec.Struct, frozen=True):
    """Exports, the newest first; ``before`` asks for the next page, null on the last."""

    exports: list[MadeExportOut]
    before: int | None


class EvidenceKeyOut(msgspec.Struct, frozen=True):
    """A public key (RFC 8037)."""

    kty: str
    crv: str
    use: str
    alg: str
    kid: str
    x: str


class EvidenceKeySet(msgspec.Struct, frozen=True):
    """Every key that ever signed an export, the newest first."""

    keys: list[EvidenceKeyOut]


def made_out(one: MadeExport) -> MadeExportOut:
    """Turn a line of the ledger into its wire form."""
    return MadeExportOut(
        sequence=one.sequence,
        export_id=one.export_id,
        made_at=one.made_at,
        made_by=one.made_by,
        framework=one.framework,
        start=one.period.start,
        end=one.period.end,
        application=one.period.application,
        format=one.format,
        records=one.records,
        content=one.content,
        digest=one.digest,
        kid=one.kid,
    )
