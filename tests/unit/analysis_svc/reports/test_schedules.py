"""When scheduled reports are due, and what they are about."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.domain.reports.report import Audience, ReportFormat
from analysis_svc.domain.reports.schedule import Cadence, ReportSchedule, begin_of, next_after


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence", "now", "due"),
    [
        (Cadence.DAILY, "2026-11-22T14:00", "2026-11-23"),
        (Cadence.WEEKLY, "2026-11-22T14:00", "2026-11-23"),
        (Cadence.WEEKLY, "2026-11-23T00:00", "2026-11-30"),
        (Cadence.MONTHLY, "2026-11-22T14:00", "2026-12-01"),
        (Cadence.MONTHLY, "2026-12-31T23:59", "2027-01-01"),
        (Cadence.MONTHLY, "2028-01-31T00:00", "2028-02-01"),
    ],
)
def test_report_is_due_when_its_period_is_over(cadence: Cadence, now: str, due: str) -> None:
    assert next_after(cadence, at(now)) == at(due)


@given(
    st.sampled_from(Cadence),
    st.datetimes(min_value=datetime(2001, 1, 1), max_value=datetime(2099, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001
)
def test_periods_follow_each_other_without_gap_or_overlap(cadence: Cadence, now: datetime) -> None:
    due = next_after(cadence, now)
    schedule = ReportSchedule(
        tenant_id=uuid4(),
        schedule_id=uuid4(),
        framework="soc2",
        application=None,
        audience=Audience.AUDITOR,
        format=ReportFormat.PDF,
        cadence=cadence,
        next_at=due,
        created_by="t",
        created_at=now,
    )
    order = schedule.due_order()
    assert order.start <= now < order.end == due
    assert begin_of(cadence, due) == due
    assert next_after(cadence, order.start - timedelta(microseconds=1)) == order.start
