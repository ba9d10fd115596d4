"""A report with a part that cannot be had."""

from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from analysis_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from analysis_svc.domain.insights.handle_incidents import IncidentSummary, Ungrouped
from analysis_svc.domain.insights.risk_history import RiskFigures
from analysis_svc.domain.reports.content import ReportContent
from analysis_svc.domain.reports.gather_content import GatherContent
from analysis_svc.domain.reports.report import Audience, ReportFormat, ReportOrder
from tests.unit.analysis_svc.reports.facts import END, START, nothing

ORDER = ReportOrder("soc2", START, END, None, Audience.AUDITOR, ReportFormat.JSON)
BROKEN_OFF = "computing the patterns was broken off; ask for a shorter span"


def answers(**calls: Any) -> Any:
    """Make a source whose methods return what they are given, or raise it."""

    def method(answer: Any) -> Any:
        async def call(*_: object, **__: object) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

        return call

    return SimpleNamespace(**{name: method(answer) for name, answer in calls.items()})


async def gathered(error: Exception) -> ReportContent:
    judged = SimpleNamespace(
        title="SOC 2", edition="2017", rules_version=0, versions=(), controls=(), aside=()
    )
    gather = GatherContent(
        answers(facts=nothing().stored),
        answers(status=judged),
        answers(over=SimpleNamespace(points=(), total=RiskFigures())),
        answers(
            ungrouped=Ungrouped(2, START, END),
            summary=IncidentSummary(0, 0, 0, None, None, None, None, {}),
            page=[],
        ),
        answers(find=error),
    )
    return await gather(UUID(int=1), ORDER)


async def test_report_without_its_patterns_says_why_and_holds_the_rest() -> None:
    found = await gathered(ServiceError(ErrorCode.SERVICE_UNAVAILABLE, BROKEN_OFF))
    assert found.patterns == ()
    assert found.untested == ("Any pattern: computing the patterns was broken off; ask for a shorter span.",)
    assert found.incident_totals.ungrouped == 2


async def test_report_waits_for_the_database() -> None:
    with pytest.raises(StorageUnavailableError):
        await gathered(StorageUnavailableError())
