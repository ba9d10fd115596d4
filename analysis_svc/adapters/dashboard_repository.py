"""What the dashboard shows, read from Postgres."""

from datetime import datetime
from uuid import UUID

from analysis_svc.adapters import dashboard_queries as queries
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_rows import summary_of
from analysis_svc.domain.catalogue import OPEN_LABELS
from analysis_svc.domain.dashboard_views import (
    Counted,
    DetectorRuns,
    EvidenceFilter,
    LabelSeen,
    LabelSlice,
    Overview,
    Stretch,
)
from analysis_svc.domain.ports import EvidenceSummary

_MOST = 6


class DashboardRepository:
    """Reads the tables of evidence; one transaction for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def overview(self, tenant_id: UUID, stretch: Stretch) -> Overview:
        """Sum the stretch up."""
        async with self._database.tenant(tenant_id) as connection:
            levels = (await connection.execute(queries.count_levels(stretch))).all()
            detectors = (await connection.execute(queries.detector_runs(stretch))).all()
            controls = (await connection.execute(queries.count_violated(stretch, _MOST))).all()
            labels = (await connection.execute(queries.count_labels(stretch))).all()
            severe = (await connection.execute(queries.severe_records(stretch, _MOST))).all()
        harmful = [row for row in labels if row.name not in OPEN_LABELS]
        return Overview(
            analyses=sum(row.seen for row in levels),
            levels=tuple(Counted(row.level, row.seen) for row in levels),
            not_fully_looked=sum(row.missed for row in levels),
            findings=sum(row.seen for row in harmful),
            left_open=sum(row.seen for row in labels if row.name in OPEN_LABELS),
            detectors=tuple(DetectorRuns(row.detector, row.expected, row.succeeded) for row in detectors),
            controls=tuple(Counted(row.name, row.seen) for row in controls),
            labels=tuple(Counted(row.name, row.seen) for row in harmful[:_MOST]),
            severe=tuple(summary_of(row) for row in severe),
            newest=max((row.newest for row in levels), default=None),
        )

    async def labels(self, tenant_id: UUID, stretch: Stretch) -> list[LabelSeen]:
        """Return every label that was found, most findings first."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.execute(queries.labels_seen(stretch))
            return [LabelSeen(**row._mapping) for row in rows]  # noqa: SLF001 - SQLAlchemy's public name for it

    async def labels_over_time(self, tenant_id: UUID, stretch: Stretch) -> list[LabelSlice]:
        """Return how many findings have each label, slice by slice, where any has."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.execute(queries.label_slices(stretch))
            return [LabelSlice(row.label, row.start, row.findings) for row in rows]

    async def analyses_over_time(self, tenant_id: UUID, stretch: Stretch) -> dict[datetime, int]:
        """Return how many analyses there are, slice by slice, where there are any."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.execute(queries.analysis_slices(stretch))
            return {row.start: row.analyses for row in rows}

    async def evidence(
        self, tenant_id: UUID, stretch: Stretch, wanted: EvidenceFilter, *, after: UUID | None, limit: int
    ) -> list[EvidenceSummary]:
        """Return records of the stretch, newest first, those that come after the record of that id."""
        async with self._database.tenant(tenant_id) as connection:
            rows = await connection.execute(queries.records(stretch, wanted, after=after, limit=limit))
            return [summary_of(row) for row in rows]

    async def applications(self, tenant_id: UUID, stretch: Stretch) -> list[str]:
        """Return the applications that were analysed, by name, at most a hundred."""
        async with self._database.tenant(tenant_id) as connection:
            return list((await connection.execute(queries.applications(stretch))).scalars())
