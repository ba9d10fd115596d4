"""Evidence as rows: an analysis has one, and so has each of its findings."""

import hashlib
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Row

from analysis_svc.adapters.tables import findings
from analysis_svc.domain.models import (
    Analysis,
    AnalysisRequest,
    DetectorFailure,
    EvidenceState,
    Finding,
    StatedVersions,
)
from analysis_svc.domain.ports import EvidenceFinding, EvidenceRecord, EvidenceSummary

FINDING_COLUMNS = tuple(column.name for column in findings.columns if column.name != "tenant_id")


def analysis_row(
    tenant_id: UUID, evidence_id: UUID, request: AnalysisRequest, analysis: Analysis
) -> dict[str, Any]:
    """Return the row of an analysis."""
    context, risk = request.context, analysis.risk
    kept: dict[str, Any] = {
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
    return {
        "tenant_id": tenant_id,
        "id": evidence_id,
        "analysed_at": analysis.analysed_at,
        **kept,
        "versions": _versions(context.versions, analysis),
        "subject_hash": context.subject_hash,
        "digest": None if context.request_id is None else _digest(kept, request),
    }


def _versions(stated: StatedVersions, analysis: Analysis) -> dict[str, object]:
    """Return what was told, without what was not, so that nothing reads as a version that is none."""
    told: dict[str, object] = {
        "frameworks": dict(analysis.version_info.frameworks),
        "policy": stated.policy,
        "policy_version": stated.policy_version,
        "mapper_taxonomy": stated.mapper_taxonomy,
        "model": stated.model,
        "detectors": dict(sorted(stated.detectors.items())),
    }
    return {name: value for name, value in told.items() if value not in (None, {})}


def _digest(kept: dict[str, Any], request: AnalysisRequest) -> bytes:
    """SHA-256 of all that is kept but id and time: the same only when the same was analysed the same way."""
    whole = hashlib.sha256(msgspec.json.encode([kept, request.findings]))
    # Added behind, so that what was kept before there were subjects and versions is still known as the same.
    whole.update(request.context.subject_hash or b"")
    if request.context.versions != StatedVersions():
        whole.update(msgspec.json.encode(request.context.versions, order="sorted"))
    return whole.digest()


def finding_rows(found: Sequence[tuple[UUID, Sequence[Finding]]]) -> str:
    """Return the rows of the findings of analyses as one JSON array."""
    rows = [
        {
            "analysis_id": evidence_id,
            "finding_id": finding.id,
            "label": finding.label,
            "score": finding.score,
            "confidence": finding.confidence,
            "detector": finding.detector,
            "tier": finding.tier,
            "occurrences": finding.occurrences,
        }
        for evidence_id, many in found
        for finding in many
    ]
    return msgspec.json.encode(rows).decode()


def summary_of(row: Row[tuple[object, ...]]) -> EvidenceSummary:
    """Read an analysis without its findings."""
    return EvidenceSummary(**_fields(row))


def record_of(row: Row[tuple[object, ...]], found: Sequence[Row[tuple[object, ...]]]) -> EvidenceRecord:
    """Read an analysis with its findings."""
    return EvidenceRecord(**_fields(row), findings=tuple(_finding(one) for one in found))


def _fields(row: Row[tuple[object, ...]]) -> dict[str, Any]:
    return {
        "evidence_id": row.id,
        "analysed_at": row.analysed_at,
        "request_id": row.request_id,
        "application": row.application,
        "risk_score": row.risk_score,
        "risk_low": row.risk_low,
        "risk_high": row.risk_high,
        "level": row.level,
        "taxonomy": row.taxonomy,
        "detectors_required": tuple(row.detectors_required),
        "detectors_succeeded": tuple(row.detectors_succeeded),
        "detectors_failed": tuple(DetectorFailure(name, status) for name, status in row.detectors_failed),
        "violated": tuple(row.violated),
        "versions": row.versions,
    }


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
