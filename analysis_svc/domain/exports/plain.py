"""An export as plain data: the JSON form, and what the other forms are made from."""

from datetime import UTC, datetime
from typing import Any

from analysis_svc.domain.audit import AuditEvent
from analysis_svc.domain.control_status import ControlStatus, FrameworkStatus
from analysis_svc.domain.evidence_rules import EvidenceRule
from analysis_svc.domain.exports.export import Export
from analysis_svc.domain.exports.seal import FORMAT, Node, chain, head
from analysis_svc.domain.models import EvidenceState
from analysis_svc.domain.ports import EvidenceRecord
from analysis_svc.domain.reviewed_findings import ReviewedFinding

STATEMENT = (
    "Satisfied takes a declared rule and evidence that meets all of it. That nothing was found is not "
    "enough, and an analysis in which a detector failed, or left something open, does not count as one that "
    "it looked at. Violated means that a finding of the period broke the control. All else is insufficient, "
    "with its gaps. A finding that one key called a false alarm or otherwise labelled, and another accepted, "
    "counts accordingly; it is named with both, and its analysis stays as it was kept."
)


def time(value: datetime) -> str:
    """Write a moment in UTC."""
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def about(export: Export) -> Node:
    """What the export is about, and the versions of everything behind it."""
    status = export.status
    return {
        "format": FORMAT,
        "product": export.product,
        "tenant": str(export.tenant_id),
        "made_at": time(export.made_at),
        "made_by": export.made_by,
        "framework": {"id": status.framework, "title": status.title, "edition": status.edition},
        "period": {
            "start": time(status.period.start),
            "end": time(status.period.end),
            "application": status.period.application,
        },
        "versions": {
            "taxonomy": status.taxonomy,
            "framework": status.edition,
            "evidence_rules": status.rules_version,
            "made_with": [
                {
                    "taxonomy": one.taxonomy,
                    "analyses": one.analyses,
                    "stated": None if one.stated is None else dict(one.stated),
                }
                for one in status.versions
            ],
        },
        "statement": STATEMENT,
    }


def summary(status: FrameworkStatus) -> Node:
    """How many controls are in each state, and how many analyses there were."""
    return {
        "analyses": status.analyses,
        "put_aside": len(status.aside),
        **{state.value: status.count(state) for state in EvidenceState},
    }


def reviewed(one: ReviewedFinding) -> Node:
    """One finding that counts no more as it was kept, and by whose word and review."""
    return {
        "evidence_id": str(one.evidence_id),
        "analysed_at": time(one.analysed_at),
        "finding_id": one.finding_id,
        "label": one.label,
        "right_label": one.right_label,
        "feedback_id": str(one.feedback_id),
        "given_at": time(one.given_at),
        "given_by": one.given_by,
        "reviewed_at": time(one.reviewed_at),
        "reviewed_by": one.reviewed_by,
    }


def control(one: ControlStatus) -> Node:
    """One control's status."""
    return {
        "control": one.control.id,
        "title": one.control.title,
        "state": one.state.value,
        "rule": rule(one.rule) if one.rule else None,
        "gaps": [
            {"kind": gap.kind.value, "message": gap.message, "detectors": list(gap.detectors)}
            for gap in one.gaps
        ],
        "analyses": one.analyses,
        "looked": one.looked,
        "coverage": one.coverage,
        "longest_gap_hours": one.longest_gap_h,
        "violations": one.violations,
        "last_violation_at": time(one.last_violation_at) if one.last_violation_at else None,
        "evidence": [str(evidence) for evidence in one.evidence],
        "findings": one.findings,
        "put_aside": one.put_aside,
    }


def rule(one: EvidenceRule) -> Node:
    """One rule."""
    limits = one.limits
    return {
        "senses": list(one.senses),
        "every_hours": limits.every_hours,
        "period_days": limits.period_days,
        "coverage": limits.coverage,
        "analyses": limits.analyses,
        "why": one.why,
        "source": one.source.value,
    }


def senses(export: Export) -> Node:
    """What was looked for, and by whom."""
    return {
        name: {"title": sense.title, "labels": sorted(sense.labels), "detectors": list(sense.detectors)}
        for name, sense in export.book.senses.items()
    }


def record(one: EvidenceRecord) -> Node:
    """One analysis as it was kept."""
    return {
        "evidence_id": str(one.evidence_id),
        "analysed_at": time(one.analysed_at),
        "request_id": one.request_id,
        "application": one.application,
        "risk": {"score": one.risk_score, "low": one.risk_low, "high": one.risk_high, "level": one.level},
        "taxonomy": one.taxonomy,
        "versions": None if one.versions is None else dict(one.versions),
        "detectors_required": list(one.detectors_required),
        "detectors_succeeded": list(one.detectors_succeeded),
        "detectors_failed": [
            {"detector": failed.detector, "status": failed.status} for failed in one.detectors_failed
        ],
        "violated": list(one.violated),
        "findings": [
            {
                "id": found.finding_id,
                "label": found.label,
                "score": found.score,
                "confidence": found.confidence,
                "detector": found.detector,
                "tier": found.tier,
                "occurrences": found.occurrences,
            }
            for found in one.findings
        ],
    }


def chain_start(told: Node) -> Node:
    """What the chain of analyses begins with: whose they are and of which time."""
    return {"tenant": told["tenant"], "period": told["period"]}


def chained(export: Export) -> tuple[list[Node], str]:
    """Return every analysis with its hash, and the last hash."""
    records = [record(one) for one in export.records]
    start = chain_start(about(export))
    hashes = chain(start, records)
    linked = [{**one, "hash": digest} for one, digest in zip(records, hashes, strict=True)]
    return linked, head(start, hashes)


def event(one: AuditEvent) -> Node:
    """One event of the audit log."""
    return {
        "seq": one.seq,
        # As the log's own hash has it.
        "at": one.at.isoformat(),
        "actor": one.actor,
        "action": one.action,
        "subject": one.subject,
        "detail": one.detail,
        "previous_hash": one.previous_hash.hex(),
        "hash": one.hash.hex(),
    }


def audit(export: Export) -> Node:
    """The audit log of the period, and what checking all of it found."""
    state = export.audit.state
    return {
        "checked": {
            "events": state.events,
            "intact": state.intact,
            "broken_at": state.broken_at,
            "head": state.head,
        },
        "events": [event(one) for one in export.audit.events],
    }


def whole(export: Export) -> tuple[dict[str, Any], str]:
    """Return the whole export as plain data, and the last hash of its analyses."""
    records, last = chained(export)
    content = {
        "about": about(export),
        "summary": summary(export.status),
        "senses": senses(export),
        "controls": [control(one) for one in export.status.controls],
        "put_aside": [reviewed(one) for one in export.status.aside],
        "analyses": records,
        "audit": audit(export),
    }
    return content, last
