"""Evidence in Postgres."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Row, insert, select, tuple_

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.tables import analyses, findings
from analysis_svc.domain.models import Analysis, AnalysisRequest, DetectorFailure, EvidenceState
from analysis_svc.domain.ports import EvidenceFinding, EvidenceRecord

# Postgres takes 65,535 parameters in one statement, and a finding has nine.
_ROWS_PER_INSERT = 5_000


class EvidenceRepository:
    """Keeps analyses per tenant; one transaction for each call."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def keep(self, tenant_id: UUID, kept: Sequence[tuple[UUID, AnalysisRequest, Analysis]]) -> None:
        """Insert all of them or none."""
        heads = [_head(tenant_id, *one) for one in kept]
        rows = [
            {
                "tenant_id": tenant_id,
                "analysis_id": evidence_id,
                "finding_id": finding.id,
                "label": finding.label,
                "score": finding.score,
                "confidence": finding.confidence,
                "detector": finding.detector,
                "tier": finding.tier,
                "occurrences": finding.occurrences,
            }
            for evidence_id, request, _ in kept
            for finding in request.findings
        ]
        async with self._database.tenant(tenant_id) as connection:
            await connection.execute(insert(analyses).values(heads))
            for start in range(0, len(rows), _ROWS_PER_INSERT):
                await connection.execute(insert(findings).values(rows[start : start + _ROWS_PER_INSERT]))

    async def get(self, tenant_id: UUID, evidence_id: UUID) -> EvidenceRecord | None:
        """Return one record with its findings."""
        async with self._database.tenant(tenant_id) as connection:
            head = (
                await connection.execute(select(analyses).where(analyses.c.id == evidence_id))
            ).one_or_none()
            if head is None:
                return None
            rows = await connection.execute(
                select(findings).where(findings.c.analysis_id == evidence_id).order_by(findings.c.finding_id)
            )
            return _record(head, tuple(_finding(row) for row in rows))

    async def page(self, tenant_id: UUID, *, before: UUID | None, limit: int) -> list[EvidenceRecord]:
        """Return records without their findings, newest first; none after a record that is not there."""
        place = tuple_(analyses.c.analysed_at, analyses.c.id)  # several may have been kept at one instant
        query = select(analyses).order_by(analyses.c.analysed_at.desc(), analyses.c.id.desc()).limit(limit)
        if before is not None:
            last = analyses.alias("last")
            query = query.where(
                place < select(last.c.analysed_at, last.c.id).where(last.c.id == before).scalar_subquery()
            )
        async with self._database.tenant(tenant_id) as connection:
            return [_record(row) for row in await connection.execute(query)]


def _head(
    tenant_id: UUID, evidence_id: UUID, request: AnalysisRequest, analysis: Analysis
) -> dict[str, object]:
    context, risk = request.context, analysis.risk
    return {
        "tenant_id": tenant_id,
        "id": evidence_id,
        "analysed_at": analysis.analysed_at,
        "request_id": context.request_id,
        "application": context.application,
        "risk_score": risk.score,
        "risk_low": risk.interval.low,
        "risk_high": risk.interval.high,
        "level": risk.level.value,
        "taxonomy": analysis.version_info.taxonomy,
        "detectors_required": list(context.detectors_required),
        "detectors_succeeded": list(context.detectors_succeeded),
        "detectors_failed": [[one.detector, one.status] for one in context.detectors_failed],
        "violated": [
            f"{entry.framework} {entry.control}"
            for entry in analysis.compliance
            if entry.evidence_state is EvidenceState.VIOLATED
        ],
    }


def _record(row: Row[tuple[object, ...]], found: tuple[EvidenceFinding, ...] = ()) -> EvidenceRecord:
    return EvidenceRecord(
        evidence_id=row.id,
        analysed_at=row.analysed_at,
        request_id=row.request_id,
        application=row.application,
        risk_score=row.risk_score,
        risk_low=row.risk_low,
        risk_high=row.risk_high,
        level=row.level,
        taxonomy=row.taxonomy,
        detectors_required=tuple(row.detectors_required),
        detectors_succeeded=tuple(row.detectors_succeeded),
        detectors_failed=tuple(DetectorFailure(name, status) for name, status in row.detectors_failed),
        violated=tuple(row.violated),
        findings=found,
    )


def _finding(row: Row[tuple[object, ...]]) -> EvidenceFinding:
    return EvidenceFinding(
        finding_id=row.finding_id,
        label=row.label,
        score=row.score,
        confidence=row.confidence,
        detector=row.detector,
        tier=row.tier,
        occurrences=row.occurrences,
    )
