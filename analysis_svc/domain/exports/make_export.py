"""The use case: write the evidence of a period down, sealed, so that others can check it without us."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.assess_controls import AssessControls, period_of
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.exports import as_csv, as_oscal, plain
from analysis_svc.domain.exports.export import (
    MAX_ANALYSES,
    AuditExtract,
    Export,
    ExportedFile,
    ExportFormat,
)
from analysis_svc.domain.exports.seal import FORMAT, Node, Seal, SigningKey, canonical, sha256
from analysis_svc.domain.ports import EvidenceRecord

SETTLED = timedelta(seconds=10)
"""What is older is in the database or never will be: longer than the service tries to keep an analysis."""
_AHEAD = timedelta(minutes=1)
"""How far ahead the end of a report may lie when it is ordered: clocks differ."""
_AT_ONCE = 2


def settled_period(
    start: datetime | None, end: datetime | None, application: str | None, *, now: datetime
) -> Period:
    """Make a period as `period_of` does, but up to what is settled where no end is named.

    The begin moves with that end: a default period is as long as the rules of evidence ask for, or no
    control of it could ever be satisfied.
    """
    return period_of(start, end, application, now=now - SETTLED if end is None else now)


class ExportSource(Protocol):
    """Reads what an export is made of. Each call raises StorageUnavailableError."""

    async def count(self, tenant_id: UUID, period: Period) -> int:
        """Count the analyses of a period."""
        ...

    async def records(self, tenant_id: UUID, period: Period, *, most: int) -> list[EvidenceRecord]:
        """Return at most ``most`` analyses of a period with their findings, oldest first."""
        ...

    async def audit(self, tenant_id: UUID, period: Period) -> AuditExtract:
        """Return the events of a period, and what checking the whole log finds.

        Raises:
            ServiceError: INVALID_REQUEST when there are more than MAX_EVENTS.
        """
        ...


class SigningKeys(Protocol):
    """Holds the keys that exports are signed with."""

    async def current(self) -> SigningKey:
        """Return the newest, making the first when there is none.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when none can be had; the detail says why.
        """
        ...


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One export that was made."""

    tenant_id: UUID
    export_id: UUID
    made_by: str
    framework: str
    period: Period
    format: ExportFormat


@dataclass(frozen=True, slots=True)
class MadeExport:
    """One line of the ledger.

    Attributes:
        sequence: the how manieth export of the tenant it was.
        export_id: its id.
        made_at: when, UTC.
        made_by: token id of who asked for it.
        framework: whose controls it speaks of.
        period: of what time and application.
        format: how it was written.
        records: how many analyses it speaks of.
        content: SHA-256 of the content, as hex.
        digest: SHA-256 of the seal, as hex, which the next one names.
        kid: names the key that signed it.
    """

    sequence: int
    export_id: UUID
    made_at: datetime
    made_by: str
    framework: str
    period: Period
    format: ExportFormat
    records: int
    content: str
    digest: str
    kid: str


class ExportLedger(Protocol):
    """Numbers the exports of a tenant and links each to the one before it.

    Each call raises StorageUnavailableError.
    """

    async def page(self, tenant_id: UUID, *, before: int | None, limit: int) -> Sequence[MadeExport]:
        """Return exports, the newest first, numbered below ``before``."""
        ...

    async def append(self, entry: LedgerEntry, seal: Callable[[int, str], Seal]) -> Seal:
        """Seal and enter an export, with its audit event, all or nothing; one at a time for each tenant.

        Args:
            entry: what it is about.
            seal: makes the seal from the number of the export and the digest of the seal before it.
        """
        ...


@dataclass(frozen=True, slots=True)
class ExportOrder:
    """What is asked for."""

    framework: str
    period: Period
    format: ExportFormat


@dataclass(frozen=True, slots=True)
class _Written:
    """A file in the making."""

    content: str
    chains: dict[str, str]
    finish: Callable[[Node], bytes]


class ExportEvidence:
    """Makes exports.

    Args:
        assess: says how the controls stand.
        source: reads evidence and audit log.
        ledger: numbers the exports.
        keys: to sign with.
        product: name and version of this software.
        new_id: makes ids.
    """

    def __init__(
        self,
        assess: AssessControls,
        source: ExportSource,
        ledger: ExportLedger,
        keys: SigningKeys,
        *,
        product: str,
        new_id: Callable[[], UUID],
    ) -> None:
        self._assess = assess
        self._source = source
        self._ledger = ledger
        self._keys = keys
        self._product = product
        self._new_id = new_id
        # An export of full size takes some hundred MB while it is written.
        self._turn = asyncio.Semaphore(_AT_ONCE)

    async def make(self, caller: Principal, order: ExportOrder) -> ExportedFile:
        """Write, seal and enter one export.

        Raises:
            ServiceError: NOT_FOUND without such a framework; INVALID_REQUEST when the period is too long or
                not over; SERVICE_UNAVAILABLE without a key to sign with or a database.
        """
        await _until_settled(order.period.end)
        key = await self._keys.current()
        async with self._turn:
            export = await self._gather(caller, order)
            written = await asyncio.to_thread(_WRITERS[order.format], export)
            export_id = self._new_id()
            entry = LedgerEntry(
                tenant_id=caller.tenant_id,
                export_id=export_id,
                made_by=caller.token_id,
                framework=export.status.framework,
                period=export.status.period,
                format=order.format,
            )

            def seal(sequence: int, previous: str) -> Seal:
                return Seal(
                    format=f"{FORMAT}:{order.format.value}",
                    content=written.content,
                    records=len(export.records),
                    chains=written.chains,
                    sequence=sequence,
                    previous=previous,
                    made_at=plain.time(export.made_at),
                    kid=key.kid,
                )

            sealed = await self._ledger.append(entry, seal)
            signed = sealed.signed(key.sign(sealed.message()))
            content = await asyncio.to_thread(written.finish, signed)
        ending, media_type = _FILES[order.format]
        day = f"{export.status.period.end:%Y-%m-%d}"
        return ExportedFile(
            f"evidence-{order.framework}-{day}-{sealed.sequence}.{ending}", media_type, content
        )

    async def made(self, tenant_id: UUID, *, before: int | None, limit: int) -> Sequence[MadeExport]:
        """Return what was exported, the newest first."""
        return await self._ledger.page(tenant_id, before=before, limit=limit)

    async def _gather(self, caller: Principal, order: ExportOrder) -> Export:
        now, period = datetime.now(UTC), order.period
        number = await self._source.count(caller.tenant_id, period)
        if number > MAX_ANALYSES:
            detail = (
                f"there are {number} analyses in this period and an export holds at most {MAX_ANALYSES}; "
                "ask for a shorter one or for one application"
            )
            raise ServiceError(ErrorCode.INVALID_REQUEST, detail, field="from")
        status, book = await self._assess.status_with_rules(caller.tenant_id, order.framework, period)
        return Export(
            tenant_id=caller.tenant_id,
            product=self._product,
            made_at=now,
            made_by=caller.token_id,
            status=status,
            book=book,
            records=tuple(await self._source.records(caller.tenant_id, period, most=MAX_ANALYSES)),
            audit=await self._source.audit(caller.tenant_id, period),
        )


async def _until_settled(end: datetime) -> None:
    """Wait until what came before ``end`` is kept: a period that is named is held whole, or refused."""
    left = end + SETTLED - datetime.now(UTC)
    if left > SETTLED + _AHEAD:
        raise ServiceError(ErrorCode.INVALID_REQUEST, "must not lie ahead", field="to")
    await asyncio.sleep(max(left.total_seconds(), 0))


def _json(export: Export) -> _Written:
    content, last = plain.whole(export)
    return _Written(
        sha256(canonical(content)),
        {"analyses": last},
        lambda seal: canonical({"content": content, "seal": seal}) + b"\n",
    )


def _oscal(export: Export) -> _Written:
    content, last = as_oscal.document(export)
    return _Written(
        sha256(canonical(content)),
        {"analyses": last},
        lambda seal: canonical(as_oscal.with_seal(content, seal)) + b"\n",
    )


def _csv(export: Export) -> _Written:
    files = as_csv.files_of(export)
    return _Written(
        as_csv.digest_of(files),
        as_csv.chains_of(files),
        lambda seal: as_csv.pack({**files, as_csv.SEAL: canonical(seal) + b"\n"}),
    )


_WRITERS = {ExportFormat.JSON: _json, ExportFormat.OSCAL: _oscal, ExportFormat.CSV: _csv}
_FILES = {
    ExportFormat.JSON: ("json", "application/json"),
    ExportFormat.OSCAL: ("oscal.json", "application/json"),
    ExportFormat.CSV: ("csv.zip", "application/zip"),
}
