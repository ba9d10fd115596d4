"""Which stretch of time a page is about, as its address says."""

from collections.abc import Mapping
from datetime import UTC, date, datetime, time, timedelta
from urllib.parse import urlencode

from analysis_svc.domain.dashboard_views import Stretch
from analysis_svc.domain.errors import ErrorCode, ServiceError

# Name → (what it is called, how long it is, length of a slice).
PERIODS: Mapping[str, tuple[str, timedelta, timedelta]] = {
    "24h": ("Last 24 hours", timedelta(hours=24), timedelta(hours=1)),
    "7d": ("Last 7 days", timedelta(days=7), timedelta(days=1)),
    "30d": ("Last 30 days", timedelta(days=30), timedelta(days=1)),
    "90d": ("Last 90 days", timedelta(days=90), timedelta(days=3)),
}
USUAL = "7d"
OWN = "own"
LONGEST = timedelta(days=400)
_SLICES = 30
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Chosen:
    """A stretch as it was chosen, and how to say so in an address again.

    Args:
        period: one of PERIODS, or OWN.
        stretch: the time, in whole slices.
        now: the present, UTC.
    """

    def __init__(self, period: str, stretch: Stretch, now: datetime) -> None:
        self.period = period
        self.stretch = stretch
        self._now = now

    @property
    def so_far(self) -> tuple[datetime, datetime]:
        """What of it has been, to the instant: a named period's whole length up to the present."""
        if self.period != OWN:
            return self._now - PERIODS[self.period][1], self._now
        end = min(self.stretch.end, self._now)
        return min(self.stretch.start, end - timedelta(seconds=1)), end

    @property
    def title(self) -> str:
        """What it is called."""
        if self.period != OWN:
            return PERIODS[self.period][0]
        # Its end is the first instant outside, which for whole days would read as one day too many.
        last = self.stretch.end - timedelta(microseconds=1)
        return f"{self.stretch.start:%-d %b %Y} to {last:%-d %b %Y}"

    def query(self, **more: str | None) -> str:
        """Return the query that leads to the same stretch, with more in it."""
        pairs = {"period": self.period, "application": self.stretch.application}
        if self.period == OWN:
            pairs |= {
                "from": f"{self.stretch.start:%Y-%m-%dT%H:%M:%SZ}",
                "to": f"{self.stretch.end:%Y-%m-%dT%H:%M:%SZ}",
            }
        return urlencode({name: value for name, value in (pairs | more).items() if value})

    def bucket_query(self, start: datetime, width: timedelta, **more: str | None) -> str:
        """Return the query that leads to what is in it from `start` on, for `width`."""
        end = min(start + width, self.stretch.end)
        start = max(start, self.stretch.start)
        narrowed = Chosen(OWN, Stretch(start, end, self.stretch.step, self.stretch.application), self._now)
        return narrowed.query(**more)


def chosen_stretch(
    now: datetime,
    *,
    period: str | None,
    since: str | None,
    until: str | None,
    application: str | None,
    usual: str = USUAL,
) -> Chosen:
    """Read the stretch from an address.

    Args:
        now: the present, UTC; named periods end with the slice that it is in.
        period: one of PERIODS, or OWN; None means the usual one, or OWN where a date is given.
        since: first day, or first instant, of an own period.
        until: last day, or first instant after it.
        application: the only one to count; empty or None means all.
        usual: the period where the address names none.

    Raises:
        ServiceError: INVALID_REQUEST naming the field.
    """
    application = application or None
    if period == OWN or (period is None and (since or until)):
        return Chosen(OWN, _own(now, since or "", until or "", application), now)
    name = period or usual
    if name not in PERIODS:
        raise _invalid("period", f"is one of {', '.join([*PERIODS, OWN])}")
    _, length, step = PERIODS[name]
    end = _EPOCH + ((now - _EPOCH) // step + 1) * step
    return Chosen(name, Stretch(end - length, end, step, application), now)


def _own(now: datetime, since: str, until: str, application: str | None) -> Stretch:
    start = _instant(since, "from", last=False) if since else now - timedelta(days=7)
    end = _instant(until, "to", last=True) if until else now
    if start >= end:
        raise _invalid("from", "must be before 'to'")
    if end - start > LONGEST:
        raise _invalid("from", f"is more than {LONGEST.days} days before 'to'")
    whole_hours = -((start - end) // (_SLICES * timedelta(hours=1)))
    return Stretch(start, end, timedelta(hours=whole_hours), application)


def _instant(text: str, field: str, *, last: bool) -> datetime:
    try:
        if "T" not in text:
            day = datetime.combine(date.fromisoformat(text), time(tzinfo=UTC))
            return day + timedelta(days=1) if last else day
        instant = datetime.fromisoformat(text)
        instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except (ValueError, OverflowError):
        raise _invalid(
            field, "is a day such as 2026-11-30, or an instant such as 2026-11-30T12:00:00Z"
        ) from None
    return instant


def _invalid(field: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, f"'{field}' {detail}", field=field)
