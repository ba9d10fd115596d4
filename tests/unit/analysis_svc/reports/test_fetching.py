"""Who may have the file of a report."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.reports.manage_reports import EXPORT_SCOPE, ManageReports
from analysis_svc.domain.reports.report import (
    Audience,
    FileFacts,
    Report,
    ReportFormat,
    ReportOrder,
    ReportState,
)
from tests.unit.analysis_svc.reports.facts import END, START

ONE = UUID(int=1)


class Kept:
    """A store with one report that is ready."""

    def __init__(self, kind: ReportFormat) -> None:
        self._kind = kind

    async def get(self, tenant_id: UUID, report_id: UUID) -> Report:
        return Report(
            tenant_id=tenant_id,
            report_id=report_id,
            order=ReportOrder("soc2", START, END, None, Audience.AUDITOR, self._kind),
            state=ReportState.READY,
            reason=None,
            ordered_by="t",
            schedule_id=None,
            run=1,
            created_at=END,
            finished_at=END,
            file=FileFacts("f", "application/json", 1, "00", None),
        )

    async def content(self, *_: UUID) -> bytes:
        return b"x"


def of(kind: ReportFormat) -> ManageReports:
    nothing: Any = None
    kept: Any = Kept(kind)
    return ManageReports(kept, nothing, nothing, nothing, lambda: datetime.now(UTC))


def caller(*scopes: str) -> Principal:
    return Principal(ONE, "t", frozenset(), frozenset(scopes))


async def test_file_of_an_oscal_report_takes_the_scope_of_exports() -> None:
    with pytest.raises(ServiceError) as refused:
        await of(ReportFormat.OSCAL).file(caller("reports:read"), ONE)
    assert refused.value.code is ErrorCode.INSUFFICIENT_RBAC
    assert (await of(ReportFormat.OSCAL).file(caller("reports:read", EXPORT_SCOPE), ONE)).content == b"x"
    assert (await of(ReportFormat.JSON).file(caller("reports:read"), ONE)).content == b"x"
