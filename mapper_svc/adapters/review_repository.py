"""The review queue in Postgres."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, literal, or_, select
from sqlalchemy.dialects.postgresql import JSONB, insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from mapper_svc.adapters.database import Database
from mapper_svc.adapters.newest_decision import decision_of, is_in, with_newest_decision
from mapper_svc.adapters.tables import review_items
from mapper_svc.domain.errors import StorageUnavailableError
from mapper_svc.domain.findings import UnmappedLabel
from mapper_svc.domain.ports import ReviewItem, ReviewPosition
from mapper_svc.domain.review_decisions import DecisionState

# A detector gone wild must not fill the disk: past this, known labels are counted and new ones dropped.
MAX_ITEMS_PER_TENANT = 10_000


class ReviewRepository:
    """Keeps what no rule knows, per tenant; `taxonomy` is the edition of the guesses that it is given."""

    def __init__(self, database: Database, taxonomy: str) -> None:
        self._database = database
        self._taxonomy = taxonomy

    async def keep(self, tenant_id: UUID, labels: Sequence[UnmappedLabel]) -> None:
        """Add labels, or count them when known. A full queue takes no new ones.

        Raises:
            StorageUnavailableError: whatever stood in the way, as no answer may fail for the queue.
        """
        if not labels:
            return
        try:
            async with self._database.tenant(tenant_id) as connection:
                await _keep(connection, tenant_id, labels, self._taxonomy)
        except SQLAlchemyError as error:
            raise StorageUnavailableError from error

    async def page(
        self,
        tenant_id: UUID,
        *,
        limit: int,
        after: ReviewPosition | None = None,
        state: DecisionState | None = None,
    ) -> list[ReviewItem]:
        """Return the tenant's items, last seen first; behind ``after`` and in ``state`` where given."""
        query = with_newest_decision()
        query = query.order_by(review_items.c.last_seen.desc(), review_items.c.id).limit(limit)
        if after is not None:
            query = query.where(_behind(after))
        if state is not None:
            query = query.where(is_in(state))
        async with self._database.tenant(tenant_id) as connection:
            return [
                ReviewItem(
                    item_id=row.id,
                    vendor=row.vendor,
                    raw_label=row.raw_label,
                    guesses=tuple(row.guesses),
                    occurrences=row.occurrences,
                    first_seen=row.first_seen,
                    last_seen=row.last_seen,
                    decision=decision_of(row),
                )
                for row in await connection.execute(query)
            ]


async def _keep(
    connection: AsyncConnection, tenant_id: UUID, labels: Sequence[UnmappedLabel], taxonomy: str
) -> None:
    counts = Counter(label.key for label in labels)
    guesses = {label.key: list(label.guesses) for label in labels}
    kept = (await connection.execute(select(func.count()).select_from(review_items))).scalar_one()
    room = max(0, MAX_ITEMS_PER_TENANT - kept)
    if len(counts) > room:
        raw_labels = [raw for _, raw in counts]
        known = {
            (row.vendor, row.raw_label)
            for row in await connection.execute(
                select(review_items.c.vendor, review_items.c.raw_label).where(
                    review_items.c.raw_label.in_(raw_labels)
                )
            )
        }
        new = sorted(counts.keys() - known)[:room]
        counts = Counter({key: counts[key] for key in (*known.intersection(counts), *new)})
        if not counts:
            return
    row = insert(review_items)
    keep = row.on_conflict_do_update(
        index_elements=["tenant_id", "vendor", "raw_label"],
        set_={
            "occurrences": review_items.c.occurrences + row.excluded.occurrences,
            # None are made for the later ones of many labels: that takes no earlier guess away.
            "guesses": func.coalesce(
                func.nullif(row.excluded.guesses, literal([], JSONB)), review_items.c.guesses
            ),
            "taxonomy": case(
                (row.excluded.guesses == literal([], JSONB), review_items.c.taxonomy),
                else_=row.excluded.taxonomy,
            ),
            "last_seen": func.now(),
        },
    )
    # One short statement run for each row, as one with all rows would have to be compiled at their length.
    await connection.execute(
        keep,
        [
            {
                "tenant_id": tenant_id,
                "vendor": vendor,
                "raw_label": raw,
                "guesses": guesses[vendor, raw],
                "taxonomy": taxonomy,
                "occurrences": count,
            }
            # Sorted, so that two requests never lock the same rows in opposite order.
            for (vendor, raw), count in sorted(counts.items())
        ],
    )


def _behind(position: ReviewPosition) -> ColumnElement[bool]:
    seen = review_items.c.last_seen
    at_once = and_(seen == position.last_seen, review_items.c.id > position.item_id)
    return or_(seen < position.last_seen, at_once)
