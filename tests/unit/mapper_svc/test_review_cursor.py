import re
from datetime import UTC, datetime
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from mapper_svc.api.review_cursor import PATTERN, cursor_behind, read_cursor
from mapper_svc.domain.ports import ReviewItem, ReviewPosition

LAST = datetime.fromisoformat("4000-01-01")  # hypothesis takes bounds without a zone
MOMENTS = st.datetimes(datetime.fromisoformat("1970-01-01"), LAST, timezones=st.just(UTC))


@given(MOMENTS, st.uuids())
def test_a_cursor_names_the_place_of_its_item_to_the_microsecond(moment: datetime, item_id: UUID) -> None:
    cursor = cursor_behind(ReviewItem(item_id, "v", "raw", (), 1, moment, moment))
    assert re.fullmatch(PATTERN, cursor)
    assert read_cursor(cursor) == ReviewPosition(moment, item_id)


@given(st.from_regex(PATTERN, fullmatch=True))
def test_whatever_matches_the_pattern_can_be_read(cursor: str) -> None:
    assert read_cursor(cursor).last_seen.year >= 1970
