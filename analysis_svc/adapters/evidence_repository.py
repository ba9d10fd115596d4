"""Evidence in Postgres."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import Text, bindparam, cast, column, func, insert, select, tuple_
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.dialects.postgresql import insert as insert_once
from sqlalchemy.ext.asyncio import AsyncConnection

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_rows import (
    FINDING_COLUMNS,
    analysis_row,
    finding_rows,
    record_of,
    summary_of,
)
from analysis_svc.adapters.tables import analyses, findings
from analysis_svc.domain.models import Analysis, AnalysisRequest
from analysis_svc.domain.ports import EvidenceRecord, EvidenceSummary

_INSERT_ANALYSES = (
    insert_once(analyses)
    .on_conflict_do_nothing(
        index_elements=["tenant_id", "request_id", "digest"], index_where=analyses.c.digest.is_not(None)
    )
    .returning(analyses.c.id)
)
# All findings are one parameter, so that the statement is compiled once: VALUES of thousands of rows take
# seconds of the event loop to compile.
_FOUND = (
    func.jsonb_to_recordset(cast(bindparam("found", type_=Text), JSONB))
    .table_valued(*(column(name, findings.c[name].type) for name in FINDING_COLUMNS))
    .render_derived(with_types=True)
)
_INSERT_FINDINGS = insert(findings).from_select(
    ["tenant_id", *FINDING_COLUMNS],
    select(bindparam("tenant_id", type_=findings.c.tenant_id.type), *_FOUND.c),
)


class EvidenceRepository:
    """Keeps analyses per tenant; one transaction for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, tenant_id: UUID, kept: Sequence[tuple[AnalysisRequest, Analysis]]) -> list[UUID]:
        """Insert all of them or none; a repetition is not inserted and has the id of the first."""
        rows = []
        for request, analysis in kept:
            rows.append(analysis_row(tenant_id, uuid4(), request, analysis))
            await asyncio.sleep(0)
        async with self._database.tenant(tenant_id) as connection:
            ids = await _insert_analyses(connection, rows)
            new = [
                (evidence_id, request.findings)
                for evidence_id, row, (request, _) in zip(ids, rows, kept, strict=True)
                if evidence_id == row["id"] and request.findings
            ]
            if new:
                found = {"tenant_id": tenant_id, "found": finding_rows(new)}
                await connection.execute(_INSERT_FINDINGS, found)
        return ids

    async def get(self, tenant_id: UUID, evidence_id: UUID) -> EvidenceRecord | None:
        """Return one record with its findings."""
        async with self._database.tenant(tenant_id) as connection:
            row = (
                await connection.execute(select(analyses).where(analyses.c.id == evidence_id))
            ).one_or_none()
            if row is None:
                return None
            found = await connection.execute(
                select(findings).where(findings.c.analysis_id == evidence_id).order_by(findings.c.finding_id)
            )
            return record_of(row, found.all())

    async def page(self, tenant_id: UUID, *, after: UUID | None, limit: int) -> list[EvidenceSummary]:
        """Return records without their findings, newest first; none after a record that is not there."""
        place = tuple_(analyses.c.analysed_at, analyses.c.id)  # several may have been kept at one instant
        query = select(analyses).order_by(analyses.c.analysed_at.desc(), analyses.c.id.desc()).limit(limit)
        if after is not None:
            last = analyses.alias("last")
            query = query.where(
                place < select(last.c.analysed_at, last.c.id).where(last.c.id == after).scalar_subquery()
            )
        async with self._database.tenant(tenant_id) as connection:
            return [summary_of(row) for row in await connection.execute(query)]


async def _insert_analyses(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> list[UUID]:
    """Insert what is new and return the id of each, in the order of the rows."""
    # In one order everywhere, so that two batches with the same in them never wait for each other.
    ordered = sorted(rows, key=lambda row: row["digest"] or b"")
    inserted = set((await connection.execute(_INSERT_ANALYSES, ordered)).scalars())
    repeated = [row for row in rows if row["id"] not in inserted]
    first = await _first_ids(connection, repeated) if repeated else {}
    return [row["id"] if row["id"] in inserted else first[row["request_id"], row["digest"]] for row in rows]


async def _first_ids(
    connection: AsyncConnection, repeated: Collection[dict[str, Any]]
) -> dict[tuple[object, object], UUID]:
    wanted = {(row["request_id"], row["digest"]) for row in repeated}
    found = await connection.execute(
        select(analyses.c.id, analyses.c.request_id, analyses.c.digest).where(
            tuple_(analyses.c.request_id, analyses.c.digest).in_(wanted)
        )
    )
    return {(row.request_id, row.digest): row.id for row in found}
