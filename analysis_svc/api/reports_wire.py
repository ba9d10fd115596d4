"""Reports and their schedules as they go over the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from analysis_svc.domain.reports.report import (
    Audience,
    FailReason,
    Report,
    ReportFormat,
    ReportOrder,
    ReportState,
)
from analysis_svc.domain.reports.schedule import Cadence, ReportSchedule

_CLEAN = r"^[^\x00-\x1f\x7f]*$(?!\n)"
Name = Annotated[str, Meta(min_length=1, max_length=128, pattern=_CLEAN)]
Moment = Annotated[datetime, Meta(description="ISO 8601 with offset")]


class PeriodIn(
    msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename={"start": "from", "end": "to"}
):
    """What a report is about: ``from`` on and before ``to``, 400 days at most, none of it in the future."""

    start: Moment
    end: Moment


class ReportRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report to make. Without an application it is about all of them."""

    framework: Name
    period: PeriodIn
    audience: Audience
    format: ReportFormat
    application: Name | None = None


class PeriodOut(msgspec.Struct, frozen=True, rename={"start": "from", "end": "to"}):
    """From when on and before when."""

    start: datetime
    end: datetime


class SignatureOut(msgspec.Struct, frozen=True):
    """An Ed25519 signature over the bytes of the file; key and value are in hex."""

    kid: str
    public_key: str
    value: str


class FileOut(msgspec.Struct, frozen=True):
    """A finished file; ``signature`` is null when the service has no signing key."""

    name: str
    media_type: str
    size: int
    sha256: str
    signature: SignatureOut | None


class ReportOut(msgspec.Struct, frozen=True):
    """A report and where it is; ``file`` when it is ready, ``reason`` when it failed."""

    report_id: UUID
    framework: str
    period: PeriodOut
    application: str | None
    audience: Audience
    format: ReportFormat
    state: ReportState
    reason: FailReason | None
    schedule_id: UUID | None
    created_at: datetime
    finished_at: datetime | None
    file: FileOut | None


class ReportPage(msgspec.Struct, frozen=True):
    """Reports newest first; ``next_cursor`` is null on the last page."""

    items: list[ReportOut]
    next_cursor: UUID | None


class ScheduleRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A report for every day, week (from Monday) or month that is over, in UTC, from the present one on."""

    framework: Name
    cadence: Cadence
    audience: Audience
    format: ReportFormat
    application: Name | None = None


class ScheduleOut(msgspec.Struct, frozen=True):
    """A schedule; ``next_at`` is the end of the period that its next report is about."""

    schedule_id: UUID
    framework: str
    application: str | None
    audience: Audience
    format: ReportFormat
    cadence: Cadence
    next_at: datetime
    created_at: datetime


class ScheduleList(msgspec.Struct, frozen=True):
    """Every schedule of the tenant, the oldest first."""

    items: list[ScheduleOut]


def order_of(data: ReportRequest) -> ReportOrder:
    """Turn a request into the domain's."""
    return ReportOrder(
        framework=data.framework,
        start=data.period.start,
        end=data.period.end,
        application=data.application,
        audience=data.audience,
        format=data.format,
    )


def report_out(report: Report) -> ReportOut:
    """Turn a report into its wire form."""
    order = report.order
    return ReportOut(
        report_id=report.report_id,
        framework=order.framework,
        period=PeriodOut(order.start, order.end),
        application=order.application,
        audience=order.audience,
        format=order.format,
        state=report.state,
        reason=report.reason,
        schedule_id=report.schedule_id,
        created_at=report.created_at,
        finished_at=report.finished_at,
        file=None if report.file is None else msgspec.convert(report.file, FileOut, from_attributes=True),
    )


def schedule_out(schedule: ReportSchedule) -> ScheduleOut:
    """Turn a schedule into its wire form."""
    return msgspec.convert(schedule, ScheduleOut, from_attributes=True)
