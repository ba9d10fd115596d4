"""An export as CSV (RFC 4180): one file for each kind of row, in one archive with the seal."""

import csv
import io
import json
import zipfile
from collections.abc import Mapping, Sequence

from analysis_svc.domain.exports.export import Export
from analysis_svc.domain.exports.plain import about, audit, control, record, reviewed, senses, summary
from analysis_svc.domain.exports.seal import Node, canonical, chain, head, sha256

SEAL = "seal.json"
ABOUT = "about.json"
_CONTROLS = (
    "control", "title", "state", "rule", "gaps", "analyses", "looked", "coverage", "longest_gap_hours",
    "violations", "last_violation_at", "evidence", "findings",
    "put_aside",
)  # fmt: skip
_ANALYSES = (
    "evidence_id", "analysed_at", "request_id", "application", "risk_score", "risk_low", "risk_high", "level",
    "taxonomy", "versions", "detectors_required", "detectors_succeeded", "detectors_failed", "violated",
)  # fmt: skip
_FINDINGS = ("evidence_id", "id", "label", "score", "confidence", "detector", "tier", "occurrences")
_REVIEWED = (
    "evidence_id", "analysed_at", "finding_id", "label", "right_label", "feedback_id", "given_at", "given_by",
    "reviewed_at", "reviewed_by",
)  # fmt: skip
_AUDIT = ("seq", "at", "actor", "action", "subject", "detail", "previous_hash", "hash")
# A spreadsheet takes a cell that begins so for a formula; names in the evidence were chosen by callers. Such
# a cell gets an apostrophe before it, and so does one that begins with one, so that it can be taken away.
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "'")
# The lists of detectors of one analysis can be this long.
csv.field_size_limit(16 * 1024 * 1024)


def files_of(export: Export) -> dict[str, bytes]:
    """Return every file but the seal, by name."""
    records = [record(one) for one in export.records]
    flat = [
        {**one, **{f"risk_{name}": one["risk"][name] for name in ("score", "low", "high")}} for one in records
    ]
    told = audit(export)
    extra = {"summary": summary(export.status), "senses": senses(export), "audit": told["checked"]}
    return {
        ABOUT: canonical(about(export) | extra) + b"\n",
        "controls.csv": table("controls.csv", _CONTROLS, [control(one) for one in export.status.controls]),
        "analyses.csv": table(
            "analyses.csv", _ANALYSES, [one | {"level": one["risk"]["level"]} for one in flat]
        ),
        "findings.csv": table(
            "findings.csv",
            _FINDINGS,
            [{**found, "evidence_id": one["evidence_id"]} for one in records for found in one["findings"]],
        ),
        "put_aside.csv": table("put_aside.csv", _REVIEWED, [reviewed(one) for one in export.status.aside]),
        "audit.csv": table("audit.csv", _AUDIT, told["events"]),
    }


def chains_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the last hash of each table."""
    return {name: last_hash(name, content) for name, content in files.items() if name.endswith(".csv")}


def table(name: str, columns: Sequence[str], rows: Sequence[Node]) -> bytes:
    """Write a table; its last column, `chain`, is the hash of the row over the row before and itself."""
    cells = [[_cell(row[column]) for column in columns] for row in rows]
    hashes = chain([name, *columns], cells)
    return write([[*columns, "chain"], *([*row, digest] for row, digest in zip(cells, hashes, strict=True))])


def write(rows: Sequence[Sequence[str]]) -> bytes:
    """Write rows of texts in their one form."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()


def last_hash(name: str, content: bytes) -> str:
    """Recompute the chain of a table and return its last hash.

    Raises:
        ValueError: the table is not in its one form, or a row does not have the hash that it must have.
    """
    rows = list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))
    if not rows or any(len(row) != len(rows[0]) for row in rows) or write(rows) != content:
        raise ValueError(f"{name} is not written as it was exported")
    start = [name, *rows[0][:-1]]
    hashes = chain(start, [row[:-1] for row in rows[1:]])
    for number, (row, digest) in enumerate(zip(rows[1:], hashes, strict=True), start=2):
        if row[-1] != digest:
            raise ValueError(f"{name}, row {number}: the chain is broken")
    return head(start, hashes)


def digest_of(files: Mapping[str, bytes]) -> str:
    """Return what the seal binds: the names and digests of all files."""
    return sha256(canonical({name: sha256(content) for name, content in files.items()}))


def pack(files: Mapping[str, bytes]) -> bytes:
    """Write an archive that follows from its files alone: no times, no compression."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            entry.create_system = 3
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, files[name])
    return data.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, (dict, list)):
        return canonical(value).decode()
    if isinstance(value, (int, float)):
        return repr(value)
    text = str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text


def rows_of(content: bytes) -> int:
    """Count the rows of a table, its header left out."""
    return sum(1 for _ in csv.reader(io.StringIO(content.decode(), newline=""), strict=True)) - 1


def events_of(content: bytes) -> list[Node]:
    """Read the events of the audit log back."""
    events = []
    for row in csv.DictReader(io.StringIO(content.decode(), newline=""), strict=True):
        plain = {name: row[name] for name in _AUDIT}
        for name in ("actor", "action", "subject"):
            plain[name] = plain[name].removeprefix("'")
        events.append(plain | {"seq": int(row["seq"]), "detail": json.loads(row["detail"])})
    return events
