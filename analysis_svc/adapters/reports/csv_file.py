"""A report as a folder of CSV files, zipped: one for each kind of row, and one that says what they are."""

import csv
import io
import zipfile
from collections.abc import Iterable, Sequence

from analysis_svc.domain.exports.seal import Signature
from analysis_svc.domain.reports.content import ReportContent

# The earliest that a zip can say; a time of making would make the same data other bytes.
_NO_TIME = (1980, 1, 1, 0, 0, 0)
# What a spreadsheet takes for the beginning of a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_of(content: ReportContent, digest: str, signature: Signature | None) -> bytes:
    """Return the zip."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, rows in _files(content, digest, signature):
            entry = zipfile.ZipInfo(name, _NO_TIME)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, _csv(rows))
    return buffer.getvalue()


def safe_cell(value: object) -> str:
    """Return a cell that no spreadsheet computes; numbers stay numbers."""
    if value is None:
        return ""
    if isinstance(value, int | float):
        return str(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def _csv(rows: Iterable[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text)
    for row in rows:
        writer.writerow([safe_cell(value) for value in row])
    return text.getvalue().encode("utf-8-sig")


def _files(
    content: ReportContent, digest: str, signature: Signature | None
) -> Iterable[tuple[str, list[Sequence[object]]]]:
    stored, totals, versions = content.stored, content.incident_totals, content.versions
    yield (
        "about.csv",
        [
            ("what", "value"),
            ("framework", content.framework),
            ("title", content.framework_title),
            ("edition", content.edition),
            ("from", content.start.isoformat()),
            ("to", content.end.isoformat()),
            ("application", content.application or "(all)"),
            ("evidence_rules", content.evidence_rules),
            ("taxonomies", " ".join(versions.taxonomies)),
            ("models", "; ".join(versions.models)),
            ("policies", "; ".join(versions.policies)),
            ("detectors", "; ".join(versions.detectors)),
            ("analyses", content.whole.analyses),
            ("findings", stored.findings),
            ("complete_analyses", stored.complete.part),
            ("analyses_that_named_detectors", stored.complete.whole),
            ("risk_score", content.whole.score),
            ("risk_low", content.whole.low),
            ("risk_high", content.whole.high),
            ("incidents_opened", totals.opened),
            ("incidents_still_open", totals.still_open),
            ("serious_analyses_in_no_incident", totals.ungrouped),
            ("mean_seconds_to_acknowledge", _seconds(totals.mean_time_to_acknowledge)),
            ("mean_seconds_to_resolve", _seconds(totals.mean_time_to_resolve)),
            ("sha256_of_data", digest),
            ("signing_key", signature.kid if signature else None),
            ("public_key", signature.public_key if signature else None),
            ("signature_of_data", signature.value if signature else None),
        ],
    )
    yield (
        "controls.csv",
        [
            (
                *(
                    "control",
                    "title",
                    "evidence",
                    "analyses",
                    "looked",
                    "coverage",
                    "violations",
                    "last_violation_at",
                ),
                *("rule", "gaps", "evidence_ids"),
            ),
            *(
                (
                    *(one.control, one.title, one.state.value, one.analyses, one.looked, one.coverage),
                    one.violations,
                    one.last_violation_at.isoformat() if one.last_violation_at else None,
                    *(one.rule, " ".join(one.gaps), " ".join(one.evidence)),
                )
                for one in content.controls
            ),
        ],
    )
    levels = sorted({level for point in content.points for level in point.levels})
    yield (
        "risk.csv",
        [
            (content.bucket, "analyses", "score", "low", "high", *levels),
            *(
                (
                    *(point.start.isoformat(), point.analyses, point.score, point.low, point.high),
                    *(point.levels.get(level, 0) for level in levels),
                )
                for point in content.points
            ),
        ],
    )
    yield (
        "detectors.csv",
        [
            ("detector", "required", "succeeded", "status", "ended_so"),
            *(
                (one.detector, one.required, one.succeeded, status, count)
                for one in stored.detectors
                for status, count in (one.failed or {"": 0}).items()
            ),
        ],
    )
    yield (
        "labels.csv",
        [
            ("label", "title", "analyses", "occurrences", "mean_confidence"),
            *((one.label, one.title, one.analyses, one.occurrences, one.confidence) for one in stored.labels),
        ],
    )
    yield (
        "incidents.csv",
        [
            (
                "incident",
                "what",
                "level",
                "opened_at",
                "acknowledged_at",
                "resolved_at",
                "resolution",
                "analyses",
            ),
            *(
                (
                    *(one.incident_id, one.title, one.level, one.opened_at.isoformat()),
                    one.acknowledged_at.isoformat() if one.acknowledged_at else None,
                    one.resolved_at.isoformat() if one.resolved_at else None,
                    *(one.resolution, one.analyses),
                )
                for one in content.incidents
            ),
        ],
    )
    yield (
        "patterns.csv",
        [
            ("kind", "subject", "statement", "support"),
            *((one.kind, one.subject, one.statement, one.support) for one in content.patterns),
        ],
    )


def _seconds(length: object) -> float | None:
    return length.total_seconds() if hasattr(length, "total_seconds") else None
