"""The review queue in Postgres."""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import insert

from mapper_svc.adapters.database import Database
from mapper_svc.adapters.tables import review_items
from mapper_svc.domain.findings import UnmappedLabel
from mapper_svc.domain.ports import ReviewItem

# A detector gone wild must not fill the disk: past this, known labels are counted and new ones dropped.
MAX_ITEMS_PER_TENANT = 10_000


class ReviewRepository:
    """Keeps what no rule knows, per tenant."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, tenant_id: UUID, labels: Sequence[UnmappedLabel]) -> None:
        """Add labels, or count them when known, in one statement."""
        counts = Counter((label.vendor or label.detector, label.raw) for label in labels)
        guesses = {(label.vendor or label.detector, label.raw): label.guesses for label in labels}
        if not counts:
            return
        async with self._database.tenant(tenant_id) as connection:
            kept = (await connection.execute(select(func.count()).select_from(review_items))).scalar_one()
            room = max(0, MAX_ITEMS_PER_TENANT - kept)
            if len(counts) > room:
                known = {
                    (row.vendor, row.raw_label)
                    for row in await connection.execute(
                        select(review_items.c.vendor, review_items.c.raw_label).where(
                            review_items.c.raw_label.in_([raw for _, raw in counts])
                        )
                    )
                }
                new = sorted(counts.keys() - known)[:room]
                counts = Counter({key: counts[key] for key in (*known.intersection(counts), *new)})
                if not counts:
                    return
            row = insert(review_items).values(
                [
                    {
                        "tenant_id": tenant_id,
                        "vendor": vendor,
                        "raw_label": raw,
                        "guesses": list(guesses[vendor, raw]),
                        "occurrences": count,
                    }
                    # Sorted, so that two requests never lock the same rows in opposite order.
                    for (vendor, raw), count in sorted(counts.items())
                ]
            )
            await connection.execute(
                row.on_conflict_do_update(
                    index_elements=["tenant_id", "vendor", "raw_label"],
                    set_={
                        "occurrences": review_items.c.occurrences + row.excluded.occurrences,
                        "guesses": row.excluded.guesses,
                        "last_seen": func.now(),
                    },
                )
            )

    async def page(self, tenant_id: UUID, *, limit: int) -> list[ReviewItem]:
        """Return the tenant's items, last seen first."""
        query = select(review_items).order_by(review_items.c.last_seen.desc(), review_items.c.id).limit(limit)
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
                )
                for row in await connection.execute(query)
            ]
