"""What people said is learned from only where it names what a detector's own word means, and no content."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from pipelines.lib.feedback.reviewed_word import LeftOut, ReviewedWord, Teachable, choose_rows

NOW = datetime(2026, 11, 22, tzinfo=UTC)
WORD = ReviewedWord(
    vendor="acme_dlp",
    raw="chart number",
    label="PII.Health.Identifier",
    taxonomy="2026.11",
    reviewed_at=NOW,
    reviewed_by="second",
    origin="review queue of the mapper",
)


def chosen(*words: ReviewedWord, most: int = 100) -> Teachable:
    labels = {"PII.Health.Identifier", "SECRET.ApiKey", "OTHER.Safe"}
    return choose_rows(words, edition="2026.11", labels=labels, most=most)


def test_row_says_where_it_comes_from_and_under_which_licence() -> None:
    (row,) = chosen(replace(WORD, lang="de")).rows
    assert (row.vendor, row.raw, row.label, row.lang) == (
        *("acme_dlp", "chart number", "PII.Health.Identifier", "de"),
    )
    assert (row.origin, row.licence, row.opted_in) == (
        *("review queue of the mapper", "LicenseRef-tenant-opt-in", True),
    )


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        (replace(WORD, label=None), LeftOut.NO_MEANING),
        (replace(WORD, raw=None), LeftOut.NO_RAW_LABEL),
        (replace(WORD, vendor=None), LeftOut.NO_RAW_LABEL),
        (replace(WORD, taxonomy="2025.01"), LeftOut.OTHER_EDITION),
        (replace(WORD, label="NO.SUCH", taxonomy=None), LeftOut.OTHER_EDITION),
        (replace(WORD, label="OTHER.Safe"), LeftOut.TABLES_ONLY),
        (replace(WORD, raw="DLP-1042"), LeftOut.OPAQUE),
        (replace(WORD, raw="leak of [email]"), LeftOut.HIDDEN),
        (replace(WORD, raw="[text]"), LeftOut.HIDDEN),
        (replace(WORD, raw="one two three four five six seven eight nine"), LeftOut.HIDDEN),
        (replace(WORD, raw="mail of eve@example.com"), LeftOut.PERSONAL_DATA),
        (replace(WORD, vendor="guard of eve@example.com"), LeftOut.PERSONAL_DATA),
    ],
)
def test_what_teaches_nothing_is_left_out_with_its_reason(word: ReviewedWord, reason: LeftOut) -> None:
    assert chosen(word) == Teachable((), {reason: 1})


def test_order_of_reading_decides_nothing_and_what_is_said_twice_stands_once() -> None:
    words = [
        replace(WORD, raw=f"chart number {letter}", reviewed_at=NOW + timedelta(hours=ord(letter)))
        for letter in "abcde"
    ]
    words.append(replace(words[0], origin="feedback on findings"))
    assert chosen(*words) == chosen(*reversed(words))
    assert len(chosen(*words).rows) == 5


def test_of_a_tenant_with_too_many_words_the_latest_reviewed_stay() -> None:
    words = [
        replace(WORD, raw=f"chart number {letter}", reviewed_at=NOW - timedelta(hours=ord(letter)))
        for letter in "abcde"
    ]
    found = chosen(*words, most=2)
    assert [row.raw for row in found.rows] == ["chart number a", "chart number b"]
    assert found.left_out == {LeftOut.TOO_MANY: 3}
