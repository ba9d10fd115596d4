"""Rows of reports and schedules."""

from typing import Any

import msgspec
from sqlalchemy import Row

from analysis_svc.domain.reports.report import (
    Audience,
    FailReason,
    FileFacts,
    Report,
    ReportFormat,
    ReportOrder,
    ReportState,
)
from analysis_svc.domain.reports.schedule import Cadence, ReportSchedule


def report_row(report: Report, key_hash: bytes | None) -> dict[str, Any]:
    """Return the row of a new report."""
    order = report.order
    return {
        "tenant_id": report.tenant_id,
        "id": report.report_id,
        "framework": order.framework,
        "period_start": order.start,
        "period_end": order.end,
        "application": order.application,
        "audience": order.audience.value,
        "format": order.format.value,
        "state": report.state.value,
        "ordered_by": report.ordered_by,
        "schedule_id": report.schedule_id,
        "run": report.run,
        "key_hash": key_hash,
        "created_at": report.created_at,
    }


def report_of(row: Row[Any]) -> Report:
    """Read a report."""
    return Report(
        tenant_id=row.tenant_id,
        report_id=row.id,
        order=ReportOrder(
            framework=row.framework,
            start=row.period_start,
            end=row.period_end,
            application=row.application,
            audience=Audience(row.audience),
            format=ReportFormat(row.format),
        ),
        state=ReportState(row.state),
        reason=None if row.reason is None else FailReason(row.reason),
        ordered_by=row.ordered_by,
        schedule_id=row.schedule_id,
        run=row.run,
        created_at=row.created_at,
        finished_at=row.finished_at,
        file=None if row.file is None else msgspec.convert(row.file, FileFacts),
    )


def schedule_row(schedule: ReportSchedule) -> dict[str, Any]:
    """Return the row of a schedule."""
    return {
        "tenant_id": schedule.tenant_id,
        "id": schedule.schedule_id,
        "framework": schedule.framework,
        "application": schedule.application,
        "audience": schedule.audience.value,
        "format": schedule.format.value,
        "cadence": schedule.cadence.value,
        "next_at": schedule.next_at,
        "created_by": schedule.created_by,
        "created_at": schedule.created_at,
    }


def schedule_of(row: Row[Any]) -> ReportSchedule:
    """Read a schedule."""
    return ReportSchedule(
        tenant_id=row.tenant_id,
        schedule_id=row.id,
        framework=row.framework,
        application=row.application,
        audience=Audience(row.audience),
        format=ReportFormat(row.format),
        cadence=Cadence(row.cadence),
        next_at=row.next_at,
        created_by=row.created_by,
        created_at=row.created_at,
    )
