"""How long a report waits for incidents, and what it learns of those that are not there."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from analysis_svc.domain.insights import handle_incidents
from analysis_svc.domain.insights.handle_incidents import CATCHING_UP, LOOK_BACK, Incidents, Ungrouped
from analysis_svc.domain.insights.span import Span

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = Span(NOW - timedelta(days=90), NOW)


class Backlog:
    """A store that groups some at each call; each takes ten seconds."""

    def __init__(self, left: int) -> None:
        self.left, self.calls, self.now = left, 0, NOW

    async def catch_up(self, tenant_id: UUID, *, since: datetime) -> bool:
        del tenant_id
        assert since == self.now - LOOK_BACK
        self.now += timedelta(seconds=10)
        self.calls, self.left = self.calls + 1, max(self.left - 1, 0)
        return not self.left

    async def ungrouped(self, *_: object) -> Ungrouped:
        return Ungrouped(self.left, None, None)


@pytest.mark.parametrize(("left", "calls", "remaining"), [(0, 1, 0), (3, 3, 0), (100, 6, 94)])
async def test_report_groups_what_it_can_in_bounded_time(
    left: int, calls: int, remaining: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handle_incidents, "_PAUSE_S", 0)
    store: Any = Backlog(left)
    found = await Incidents(store, lambda: store.now).ungrouped(UUID(int=1), SPAN)
    assert (store.calls, found.analyses) == (calls, remaining)
    assert store.now - NOW <= CATCHING_UP + timedelta(seconds=10)
