"""Which hours of a tenant are counted already, and the counting of more of them.

An hour is taken up an hour after its end. First it is marked, for all to see and by whom; then everything is
waited for that had begun to write before; then it is counted under a lock on its mark, if that is one's own
still: whoever marked it last has waited for the most. Whoever changes its rows takes its mark away in the
same transaction (see the migration), and with it the counts: before it is counted, and nothing is counted
then; after, and the counts are gone with what they counted; or at once, and the later waits for the earlier.
What is added in time, before the hour is taken up, is among what was waited for.
"""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID, uuid4

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_parts import PARTS, STRETCHES, stretch_values
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.errors import StorageUnavailableError
from analysis_svc.domain.evidence_facts import Period

HOUR = timedelta(hours=1)
AT_ONCE = 24
"""Hours that one transaction counts: a fraction of a second for whoever waits for one of them."""
_MOST = 45 * AT_ONCE
"""Hours that one question has counted: another tenant's wait for it, and the next question goes on."""
_WAITS, _WAIT_S = 100, 0.05

# Planned for the stretches at hand: a plan that is to fit any reads whole tables for one hour.
CAREFULLY = text(
    "select set_config('work_mem', '32MB', true), set_config('plan_cache_mode', 'force_custom_plan', true)"
)
_COUNTED = text(
    "select hour, rolled_at from analysis.rolled_hours where hour >= :first and hour < :behind"
    " and way = :way and rolled_at is not null"
)
# Empty hours are counted as well, so that those that are counted leave no holes; by the database's clock, as
# the trigger that notices late ones.
_UNCOUNTED = text(
    """
    select date_trunc('hour', min(analysed_at), 'UTC') as first,
           date_trunc('hour', clock_timestamp(), 'UTC') - interval '1 hour' as behind
    from analysis.analyses
    """
)
_OTHERWISE = text("delete from analysis.rolled_hours where hour = any(:hours) and way <> :way")
_MARK = text(
    "insert into analysis.rolled_hours (tenant_id, hour, way, holder)"
    " select cast(:tenant as uuid), hour, :way, cast(:holder as uuid)"
    " from unnest(cast(:hours as timestamptz[])) as hour"
    " on conflict do nothing"
)
# What somebody else is at is left to them: waiting for many rows in an order of one's own is how two come to
# wait for each other.
_TAKE = text(
    """
    update analysis.rolled_hours set holder = cast(:holder as uuid) where hour in (
        select hour from analysis.rolled_hours
        where hour = any(:hours) and rolled_at is null for update skip locked
    )
    """
)
_BEHIND = text("select cast(pg_snapshot_xmax(pg_current_snapshot()) as text)")
_ENDED = text("select pg_snapshot_xmin(pg_current_snapshot()) >= cast(:behind as xid8)")
_LOCK = text(
    "select hour from analysis.rolled_hours"
    " where hour = any(:hours) and way = :way and holder = cast(:holder as uuid) and rolled_at is null"
    " order by hour for update skip locked"
)
_DONE = text("update analysis.rolled_hours set rolled_at = clock_timestamp() where hour = any(:hours)")
_ROLL = tuple(text(part.roll) for part in PARTS)


class RolledHours:
    """Counts hours behind the back of who asks; an hour that is not counted yet is one to count raw.

    Args:
        database: of the service.
        background: holds the counting.
    """

    def __init__(self, database: Database, background: BackgroundWork) -> None:
        self._database = database
        self._background = background
        self._busy: set[UUID] = set()

    async def counted(
        self, connection: AsyncConnection, period: Period, way: str
    ) -> dict[datetime, datetime]:
        """Return the whole hours of the period that are counted this way, each with when that was done."""
        first, behind = _whole(period)
        rows = await connection.execute(_COUNTED, {"first": first, "behind": behind, "way": way})
        return {row.hour.astimezone(UTC): row.rolled_at for row in rows}

    async def count_rest(
        self,
        connection: AsyncConnection,
        tenant_id: UUID,
        period: Period,
        hours: Collection[datetime],
        way: str,
        values: Mapping[str, object],
    ) -> None:
        """Have the old hours of a period counted that are not; nobody waits for it.

        Args:
            connection: a transaction of the tenant.
            tenant_id: whose.
            period: only whole hours of it.
            hours: those that are counted.
            way: digest of how it is counted.
            values: that it is counted with.
        """
        if tenant_id in self._busy:
            return
        at, behind = _whole(period)
        row = (await connection.execute(_UNCOUNTED)).one()
        if row.first is None:
            return
        at, behind = max(at, row.first.astimezone(UTC)), min(behind, row.behind.astimezone(UTC))
        wanted = []
        while at < behind:
            if at not in hours:
                wanted.append(at)
            at += HOUR
        if wanted:
            self._busy.add(tenant_id)
            if self._background.start(self._count(tenant_id, wanted, way, values)) is None:
                self._busy.discard(tenant_id)

    async def _count(
        self, tenant_id: UUID, hours: Sequence[datetime], way: str, values: Mapping[str, object]
    ) -> None:
        try:
            # A database that is away, or too busy, is asked again with the next question.
            with suppress(StorageUnavailableError):
                await self.count(tenant_id, hours, way, values)
        finally:
            self._busy.discard(tenant_id)

    async def count(
        self, tenant_id: UUID, hours: Sequence[datetime], way: str, values: Mapping[str, object]
    ) -> None:
        """Count hours that ended an hour ago or longer, the newest first.

        Raises:
            StorageUnavailableError: the database does not answer.
        """
        newest_first = sorted(hours, reverse=True)
        for at in range(0, min(len(newest_first), _MOST), AT_ONCE):
            hours = newest_first[at : at + AT_ONCE]
            asked = {"hours": hours, "way": way, "tenant": tenant_id, "holder": uuid4()}
            async with self._database.tenant(tenant_id) as connection:
                await connection.execute(_OTHERWISE, asked)
                await connection.execute(_MARK, asked)
                await connection.execute(_TAKE, asked)
            if not await self._writers_ended(tenant_id):
                return
            async with self._database.tenant(tenant_id) as connection:
                mine = list((await connection.execute(_LOCK, asked)).scalars())
                if not mine:
                    continue
                await connection.execute(CAREFULLY)
                # Some may have been taken by others between them.
                for since, until in _together(mine):
                    stretch = stretch_values([(since, until)])
                    for statement in _ROLL:
                        asked = {**values, **stretch, "application": None, "tenant": tenant_id}
                        await connection.execute(statement, asked)
                await connection.execute(_DONE, {"hours": mine})

    async def _writers_ended(self, tenant_id: UUID) -> bool:
        """Wait for all that had begun to write; False when one takes too long."""
        async with self._database.tenant(tenant_id) as connection:
            behind = (await connection.execute(_BEHIND)).scalar_one()
        for _ in range(_WAITS):
            async with self._database.tenant(tenant_id) as connection:
                if (await connection.execute(_ENDED, {"behind": behind})).scalar_one():
                    return True
            await asyncio.sleep(_WAIT_S)
        return False


def beside(
    period: Period, hours: Collection[datetime]
) -> tuple[list[datetime], list[tuple[datetime, datetime]]]:
    """Return the hours to take as they are counted, and the few stretches of the period to count raw beside.

    Where there would be too many stretches, those nearest to each other become one, with what is between.
    """
    stretches, at = [], period.start
    for since, until in _together(hours):
        if since > at:
            stretches.append((at, since))
        at = until
    if at < period.end:
        stretches.append((at, period.end))
    while len(stretches) > STRETCHES:
        between = [after[0] - before[1] for before, after in pairwise(stretches)]
        nearest = between.index(min(between))
        stretches[nearest : nearest + 2] = [(stretches[nearest][0], stretches[nearest + 1][1])]
    taken = [hour for hour in sorted(hours) if not any(since <= hour < until for since, until in stretches)]
    return taken, stretches


def _together(hours: Collection[datetime]) -> list[tuple[datetime, datetime]]:
    """Return runs of hours, each from its first instant to the first behind it."""
    runs: list[tuple[datetime, datetime]] = []
    for hour in sorted(hours):
        if runs and runs[-1][1] == hour:
            runs[-1] = (runs[-1][0], hour + HOUR)
        else:
            runs.append((hour, hour + HOUR))
    return runs


def _whole(period: Period) -> tuple[datetime, datetime]:
    """Return where the first whole hour of a period begins, and where the last ends."""
    first, behind = (
        moment.replace(minute=0, second=0, microsecond=0) for moment in (period.start, period.end)
    )
    return (first if first == period.start else first + HOUR), behind
