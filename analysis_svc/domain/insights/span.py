"""A stretch of time, and of which application, that insights are asked for."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from analysis_svc.domain.errors import ErrorCode, ServiceError

MAX_DAYS = 400
DEFAULT_DAYS = 30
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)


class Bucket(StrEnum):
    """How finely time is divided; all of them in UTC, a week begins on Monday."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def width(self) -> timedelta:
        """How long one is."""
        return _WIDTH[self]

    @property
    def most_days(self) -> int:
        """The longest span in days that is divided so."""
        return 31 if self is Bucket.HOUR else MAX_DAYS

    def begin(self, moment: datetime) -> datetime:
        """Return the beginning of the one that a moment is in."""
        day = moment.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        if self is Bucket.HOUR:
            return day
        day = day.replace(hour=0)
        return day - timedelta(days=day.weekday()) if self is Bucket.WEEK else day


_WIDTH = {
    Bucket.HOUR: timedelta(hours=1),
    Bucket.DAY: timedelta(days=1),
    Bucket.WEEK: timedelta(days=7),
}


@dataclass(frozen=True, slots=True)
class Span:
    """From `start` on and before `end`, both UTC; `application` None means all of them."""

    start: datetime
    end: datetime
    application: str | None = None

    def buckets(self, bucket: Bucket) -> list[datetime]:
        """Return the beginnings of all that touch the span, in order."""
        starts, at = [], bucket.begin(self.start)
        while at < self.end:
            starts.append(at)
            at += bucket.width
        return starts


def span_of(
    start: datetime | None,
    end: datetime | None,
    application: str | None,
    *,
    now: datetime,
    most_days: int = MAX_DAYS,
) -> Span:
    """Build the span that was asked for; without bounds it is the last 30 days.

    Args:
        start: its beginning.
        end: its end, which is not in it.
        application: as callers name it.
        now: what an absent end stands for.
        most_days: how long it may be.

    Raises:
        ServiceError: INVALID_REQUEST naming ``from`` or ``to``.
    """
    for name, moment in (("from", start), ("to", end)):
        if moment is not None and moment.tzinfo is None:
            raise _refused(name, "a time is given with its offset from UTC, such as 2026-11-01T00:00:00Z")
        if moment is not None and not _EARLIEST <= moment <= now + timedelta(days=MAX_DAYS):
            raise _refused(name, f"a time from 2000 on and at most {MAX_DAYS} days ahead is accepted")
    until = (end or now).astimezone(UTC)
    since = (start or until - timedelta(days=min(DEFAULT_DAYS, most_days))).astimezone(UTC)
    if since >= until:
        raise _refused("from", "must be before 'to'")
    if until - since > timedelta(days=most_days):
        raise _refused("from", f"at most {most_days} days are accepted")
    return Span(since, until, application)


def _refused(field: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=field)
