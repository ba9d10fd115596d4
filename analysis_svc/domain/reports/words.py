"""How a report writes times, spans and counts; in UTC, in one way everywhere."""

from datetime import datetime, timedelta

from analysis_svc.domain.models import EvidenceState
from analysis_svc.domain.reports.document import Tone

# A space at which no line breaks.
_FIRM = "\u00a0"
STATE_TONES = {
    EvidenceState.SATISFIED: Tone.GOOD,
    EvidenceState.VIOLATED: Tone.BAD,
    EvidenceState.INSUFFICIENT: Tone.OPEN,
}


def day(at: datetime) -> str:
    """Return a date such as 3 November 2026."""
    return f"{at.day} {at:%B %Y}"


def moment(at: datetime | None, *, none: str = "never") -> str:
    """Return a date and time such as 3 Nov 2026, 14:05 UTC."""
    return none if at is None else f"{at.day} {at:%b %Y, %H:%M} UTC"


def brief(at: datetime | None, *, none: str) -> str:
    """Return a date and time for a narrow column: 3 Nov 14:05, without year and zone."""
    return none if at is None else f"{at.day} {at:%b %H:%M}".replace(" ", _FIRM)


def period(start: datetime, end: datetime) -> str:
    """Return a period in words; whole days are told without their hours."""
    if start.time() == end.time() == datetime.min.time():
        last = end - timedelta(days=1)
        return day(start) if last <= start else f"{day(start)} to {day(last)}"
    return f"{moment(start)} to {moment(end)}"


def span(length: timedelta) -> str:
    """Return a length of time in its two largest units."""
    minutes = round(length.total_seconds() / 60)
    days, hours, rest = minutes // 1440, minutes // 60 % 24, minutes % 60
    if not minutes:
        return "under a minute"
    parts = [f"{number} {unit}" for number, unit in ((days, "d"), (hours, "h"), (rest, "min")) if number]
    return " ".join(parts[:2]).replace(" ", _FIRM)


def counted(number: int, one: str, many: str = "") -> str:
    """Return a number with its noun: 1 control, 12 controls."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
