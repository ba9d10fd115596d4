"""The cursor of the review queue: a place in its order, as text that fits a URL as it is."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from mapper_svc.domain.ports import ReviewItem, ReviewPosition

PATTERN = r"^[0-9a-f]{1,14}-[0-9a-f]{32}$"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def cursor_behind(item: ReviewItem) -> str:
    """Return the cursor of the items that come behind this one."""
    return f"{(item.last_seen - _EPOCH) // _MICROSECOND:x}-{item.item_id.hex}"


def read_cursor(cursor: str) -> ReviewPosition:
    """Return the place that a cursor names; the cursor must match PATTERN."""
    microseconds, _, item_id = cursor.partition("-")
    return ReviewPosition(_EPOCH + int(microseconds, 16) * _MICROSECOND, UUID(item_id))
