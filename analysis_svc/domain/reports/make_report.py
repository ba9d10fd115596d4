"""What a worker does: claims a report, gathers what it says, writes the file, keeps it."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Protocol
from uuid import UUID

from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.evidence_facts import Period
from analysis_svc.domain.exports.export import ExportFormat
from analysis_svc.domain.exports.make_export import ExportOrder
from analysis_svc.domain.reports.content import ReportContent
from analysis_svc.domain.reports.ports import (
    Exporter,
    LibraryMissingError,
    Renderer,
    ReportEvents,
    ReportLostError,
    ReportRuns,
    Signer,
)
from analysis_svc.domain.reports.report import (
    MAX_FILE_BYTES,
    MAX_RUNS,
    FailReason,
    FileFacts,
    Report,
    ReportFile,
    ReportFormat,
    ReportOrder,
    ReportState,
)

Gathering = Callable[[UUID, ReportOrder], Awaitable[ReportContent]]
# What gathering and exporting refuse for good.
_REFUSALS = {
    ErrorCode.NOT_FOUND: FailReason.FRAMEWORK_GONE,
    ErrorCode.INVALID_REQUEST: FailReason.TOO_LARGE,
}


class Faults(Protocol):
    """Hears of faults of our own."""

    def unexpected(self, error: Exception) -> None:
        """Something broke; its words may quote names of a tenant and must not be repeated."""
        ...


class MakeReport:
    """Makes one report; called again for the same after a crash."""

    def __init__(
        self,
        runs: ReportRuns,
        gather: Gathering,
        renderer: Renderer,
        signer: Signer,
        exporter: Exporter,
        *,
        events: ReportEvents,
        faults: Faults,
    ) -> None:
        self._runs = runs
        self._gather = gather
        self._renderer = renderer
        self._signer = signer
        self._exporter = exporter
        self._events = events
        self._faults = faults

    async def __call__(self, tenant_id: UUID, report_id: UUID) -> None:
        """Make it, or end it with the reason why not.

        Raises:
            ServiceError: SERVICE_UNAVAILABLE when the database is away; the queue calls again.
        """
        report = await self._runs.claim(tenant_id, report_id)
        if report is None:
            return
        try:
            if report.run > MAX_RUNS:
                await self._fail(report, FailReason.GAVE_UP)
            else:
                await self._make(report)
        except ReportLostError:
            return  # whoever has it now ends it

    async def _make(self, report: Report) -> None:
        try:
            file = await self._file(report)
        except LibraryMissingError:
            await self._fail(report, FailReason.LIBRARY_MISSING)
            return
        except ServiceError as error:
            if error.code is ErrorCode.SERVICE_UNAVAILABLE:
                raise  # and the queue calls again
            if error.code not in _REFUSALS:
                self._faults.unexpected(error)
            await self._fail(report, _REFUSALS.get(error.code, FailReason.FAULT))
            return
        except Exception as error:  # noqa: BLE001 - told, and the report ends instead of being tried for ever
            self._faults.unexpected(error)
            await self._fail(report, FailReason.FAULT)
            return
        if len(file.content) > MAX_FILE_BYTES:
            await self._fail(report, FailReason.TOO_LARGE)
            return
        facts = FileFacts(
            name=file.name,
            media_type=file.media_type,
            size=len(file.content),
            sha256=hashlib.sha256(file.content).hexdigest(),
            signature=await self._signer.sign(file.content),
        )
        await self._runs.finish(report, facts, file.content)
        self._events.report_ended(ReportState.READY.value)

    async def _file(self, report: Report) -> ReportFile:
        order = report.order
        if order.format is ReportFormat.OSCAL:
            caller = Principal(report.tenant_id, report.ordered_by, frozenset(), frozenset())
            period = Period(order.start, order.end, order.application)
            made = await self._exporter.make(caller, ExportOrder(order.framework, period, ExportFormat.OSCAL))
            return ReportFile(made.name, made.media_type, made.content)
        return await self._renderer.file(order, await self._gather(report.tenant_id, order))

    async def _fail(self, report: Report, reason: FailReason) -> None:
        await self._runs.fail(report, reason)
        self._events.report_ended(ReportState.FAILED.value)
