"""Reviewed feedback of a tenant, as lines that the data set reads."""

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

import msgspec

from analysis_svc.domain.insights.feedback import Feedback, ReviewState, Word
from pipelines.lib.personal_data import find_personal_data
from pipelines.lib.read_feedback import Feedback as Row


def training_rows(words: Sequence[Feedback]) -> list[Row]:
    """Return what may be learned from: accepted by a second person, with the detector's own name for it.

    A false positive teaches nothing, for nobody said what it is. A raw label that looks like personal data is
    left out.
    """
    rows = []
    for word in words:
        given, review = word.given, word.review
        if review is None or word.state is not ReviewState.ACCEPTED or given.word is Word.FALSE_POSITIVE:
            continue
        if given.raw_label is None or word.detector is None or find_personal_data(given.raw_label):
            continue
        label = given.right_label if given.word is Word.RELABEL else word.label
        if label is not None:
            rows.append(
                Row(
                    vendor=word.detector,
                    raw=given.raw_label,
                    label=label,
                    reviewer=review.reviewed_by,
                    opted_in=True,
                )
            )
    unique = {(row.vendor, row.raw, row.label): row for row in rows}
    return [unique[key] for key in sorted(unique)]


def write_rows(folder: Path, tenant_id: UUID, rows: Sequence[Row]) -> Path | None:
    """Write the tenant's file anew, whole or not at all; without rows there is none any more."""
    path = folder / f"tenant-{tenant_id}.jsonl"
    if not rows:
        path.unlink(missing_ok=True)
        return None
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("wb", dir=folder, suffix=".part", delete=False) as part:
        part.write(msgspec.json.Encoder().encode_lines(rows))
    os.replace(part.name, path)  # noqa: PTH105 - one step, which pathlib's spelling is too, by another name
    return path
