"""Reports that are made again and again: for each day, week or month that is over."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from uuid import UUID

from analysis_svc.domain.reports.report import Audience, ReportFormat, ReportOrder


class Cadence(StrEnum):
    """How often; periods are whole days, weeks from Monday, or calendar months, in UTC."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True)
class ReportSchedule:
    """What to make how often.

    Attributes:
        tenant_id: whose it is.
        schedule_id: names it.
        framework: id of the framework.
        application: the application the reports are limited to; None for all.
        audience: for whom.
        format: as what.
        cadence: how often.
        next_at: when the next is due: the end of the period that it is about.
        created_by: id of the token that set it.
        created_at: when.
    """

    tenant_id: UUID
    schedule_id: UUID
    framework: str
    application: str | None
    audience: Audience
    format: ReportFormat
    cadence: Cadence
    next_at: datetime
    created_by: str
    created_at: datetime

    def due_order(self) -> ReportOrder:
        """Return what is due at ``next_at``: the period that ends then."""
        return ReportOrder(
            framework=self.framework,
            start=begin_of(self.cadence, self.next_at - timedelta(microseconds=1)),
            end=self.next_at,
            application=self.application,
            audience=self.audience,
            format=self.format,
        )


def begin_of(cadence: Cadence, moment: datetime) -> datetime:
    """Return the beginning of the day, week or month that a moment is in."""
    day = moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    if cadence is Cadence.WEEKLY:
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if cadence is Cadence.MONTHLY else day


def next_after(cadence: Cadence, moment: datetime) -> datetime:
    """Return the end of the day, week or month that a moment is in, which is the beginning of the next."""
    begin = begin_of(cadence, moment)
    # 32 days from the first of any month are in the next one.
    step = {Cadence.DAILY: 1, Cadence.WEEKLY: 7, Cadence.MONTHLY: 32}[cadence]
    return begin_of(cadence, begin + timedelta(days=step))
