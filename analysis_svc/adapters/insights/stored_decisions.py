"""Reads what policies decided on, as far as evidence keeps it."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from analysis_svc.adapters.database import Database
from analysis_svc.domain.insights.rego_advice import StoredDecision
from analysis_svc.domain.insights.span import Span

_NEWEST = text(
    """
    select id, versions ->> 'policy' as policy, versions ->> 'policy_version' as policy_version,
           detectors_required <@ detectors_succeeded as enough
    from analysis.analyses
    where analysed_at >= :start and analysed_at < :end
      and (cast(:application as text) is null or application = :application)
    order by analysed_at desc, id desc limit :most
    """
)
_FINDINGS = text(
    """
    select f.analysis_id, f.finding_id as id, f.label, f.score, f.confidence, f.detector, f.occurrences
    from unnest(cast(:ids as uuid[])) with ordinality as asked (id, place)
    join analysis.findings f on f.analysis_id = asked.id
    order by asked.place, f.finding_id limit :most
    """
)


class StoredDecisionsRepository:
    """Implements StoredDecisions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def newest(self, tenant_id: UUID, span: Span, *, most: int) -> Sequence[StoredDecision]:
        """Return the newest of a span, without their findings."""
        asked = {"start": span.start, "end": span.end, "application": span.application, "most": most}
        async with self._database.tenant(tenant_id) as connection:
            return [
                StoredDecision(
                    row.id,
                    (row.policy, row.policy_version) if row.policy and row.policy_version else None,
                    row.enough,
                )
                for row in await connection.execute(_NEWEST, asked)
            ]

    async def with_findings(
        self, tenant_id: UUID, decisions: Sequence[StoredDecision], *, most: int
    ) -> Sequence[StoredDecision]:
        """Return the first of some decisions with their findings, at most so many of these together."""
        asked = {"ids": [one.evidence_id for one in decisions], "most": most + 1}
        findings: dict[UUID, list[dict[str, Any]]] = {one.evidence_id: [] for one in decisions}
        async with self._database.tenant(tenant_id) as connection:
            rows = (await connection.execute(_FINDINGS, asked)).all()
        for row in rows:
            findings[row.analysis_id].append(
                {
                    "id": row.id,
                    "label": row.label,
                    "score": row.score,
                    "confidence": row.confidence,
                    "detectors": [row.detector] if row.detector is not None else [],
                    "occurrences": row.occurrences,
                }
            )
        whole = list(decisions)
        if len(rows) > most:
            # The last row's may have more of them, and of those behind it nothing was read.
            ids = [one.evidence_id for one in decisions]
            whole = whole[: ids.index(rows[-1].analysis_id)]
        return [replace(one, findings=findings[one.evidence_id]) for one in whole]
