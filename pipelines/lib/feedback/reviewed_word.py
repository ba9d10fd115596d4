"""What a tenant's people said that labels mean, and which of it may be learned from."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from mapper_svc.domain.askable_label import is_opaque
from mapper_svc.domain.name_labels import NEVER_NAMED
from mapper_svc.domain.scrub_label import scrub_label
from pipelines.lib.personal_data import find_personal_data
from pipelines.lib.read_feedback import Feedback as Row

ROWS_PER_TENANT = 1_000
"""Most rows of one tenant, the latest reviewed: nobody's words outweigh everybody's."""

_PLACEHOLDERS = ("[text]", "[token]", "[number]", "[email]", "[url]")


class LeftOut(StrEnum):
    """Why a word that a second person accepted is nothing to learn from.

    Members:
        NO_MEANING: it says what the label is not, and not what it is.
        NO_RAW_LABEL: nobody told the detector, or its own name for what it found.
        OTHER_EDITION: its label is of another edition of the taxonomy.
        TABLES_ONLY: such labels are said by vendors' own tables alone.
        OPAQUE: a code that only its vendor can read, which a model is never asked.
        HIDDEN: what looked like content was taken out of the label.
        PERSONAL_DATA: detector or label looks like personal data or a secret.
        TOO_MANY: the tenant has more than its share.
    """

    NO_MEANING = "no_meaning"
    NO_RAW_LABEL = "no_raw_label"
    OTHER_EDITION = "other_edition"
    TABLES_ONLY = "tables_only"
    OPAQUE = "opaque"
    HIDDEN = "hidden"
    PERSONAL_DATA = "personal_data"
    TOO_MANY = "too_many"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReviewedWord:
    """One word that a second person accepted.

    Attributes:
        vendor: detector that gave the label, or None.
        raw: its own name for what it found, or None.
        label: canonical label that the name stands for; None where it was only said what it is not.
        taxonomy: edition of the label, or None where nobody kept that.
        lang: ISO 639-1 code of the label, or `zxx`.
        reviewed_at: when it was accepted.
        reviewed_by: by whom.
        origin: where it was said.
    """

    vendor: str | None
    raw: str | None
    label: str | None
    taxonomy: str | None
    lang: str = "en"
    reviewed_at: datetime
    reviewed_by: str
    origin: str


@dataclass(frozen=True, slots=True)
class Teachable:
    """What may be learned from, in an order of its own, and how much was left out for which reason."""

    rows: tuple[Row, ...]
    left_out: Mapping[str, int]


def choose_rows(
    words: Iterable[ReviewedWord], *, edition: str, labels: Collection[str], most: int = ROWS_PER_TENANT
) -> Teachable:
    """Choose what may be learned from.

    Args:
        words: of one tenant, which agreed; in any order.
        edition: of the taxonomy that the data set is made for.
        labels: its labels.
        most: most rows.
    """
    left_out: Counter[str] = Counter()
    rows: dict[tuple[str, str, str], Row] = {}
    # The latest review first, and an order that the database does not decide.
    for word in sorted(words, key=_place, reverse=True):
        row = _row(word, edition, labels)
        if isinstance(row, LeftOut):
            left_out[row] += 1
        elif (row.vendor, row.raw, row.label) not in rows:
            if len(rows) < most:
                rows[row.vendor, row.raw, row.label] = row
            else:
                left_out[LeftOut.TOO_MANY] += 1
    return Teachable(tuple(rows[key] for key in sorted(rows)), dict(sorted(left_out.items())))


def _place(word: ReviewedWord) -> tuple[datetime, str, str, str, str]:
    return word.reviewed_at, word.vendor or "", word.raw or "", word.label or "", word.origin


def _row(word: ReviewedWord, edition: str, labels: Collection[str]) -> Row | LeftOut:
    if word.label is None:
        return LeftOut.NO_MEANING
    if not word.vendor or not word.raw:
        return LeftOut.NO_RAW_LABEL
    if word.taxonomy not in (None, edition) or word.label not in labels:
        return LeftOut.OTHER_EDITION
    if word.label in NEVER_NAMED:
        return LeftOut.TABLES_ONLY
    return _unfit(word.vendor, word.raw) or Row(
        vendor=word.vendor,
        raw=word.raw,
        label=word.label,
        reviewer=word.reviewed_by,
        opted_in=True,
        lang=word.lang,
        origin=word.origin,
    )


def _unfit(vendor: str, raw: str) -> LeftOut | None:
    if find_personal_data(raw) or find_personal_data(vendor):
        return LeftOut.PERSONAL_DATA
    if scrub_label(raw) != raw or any(mark in raw for mark in _PLACEHOLDERS):
        return LeftOut.HIDDEN
    return LeftOut.OPAQUE if is_opaque(raw) else None
