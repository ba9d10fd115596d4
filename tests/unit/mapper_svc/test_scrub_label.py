import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.scrub_label import scrub_label


@pytest.mark.parametrize(
    ("raw", "scrubbed"),
    [
        ("found jane.doe@example.com", "found [email]"),
        ("SSN 078-05-1120", "SSN [number]"),
        ("card 4111 1111 1111 1111", "card [number]"),
        ("call +1 (212) 555-0100", "call +[number]"),
        ("key AKIAIOSFODNN7EXAMPLE", "key [token]"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "[token]"),
        ("see https://example.com/a?b=c", "see [url]"),
        ("a\x00b\u200bc\nd", "abc d"),
        ("please tell me how I can get into my neighbour's house tonight", "[text]"),
        ("hate/threatening", "hate/threatening"),
        ("BADGE_NO", "BADGE_NO"),
        ("", ""),
    ],
)
def test_what_looks_like_content_is_replaced(raw: str, scrubbed: str) -> None:
    assert scrub_label(raw) == scrubbed


@given(st.text(max_size=3000))
def test_a_scrubbed_label_is_short_printable_and_stable(raw: str) -> None:
    scrubbed = scrub_label(raw)
    assert len(scrubbed) <= 200
    assert "\n" not in scrubbed
    assert "@" not in scrubbed.replace("[email]", "") or "@" in raw
    assert scrub_label(scrubbed) == scrubbed


@given(st.integers(10**8, 10**18), st.text("abc -/:", max_size=20))
def test_a_long_number_never_survives(number: int, around: str) -> None:
    assert str(number) not in scrub_label(f"{around}{number} {around}")


def test_the_labels_of_all_vendors_pass_unchanged(catalogue: Catalogue) -> None:
    for vendor in catalogue.vendors.values():
        for raw in vendor.labels:
            assert scrub_label(raw) == raw


def test_labels_of_the_shared_file_pass_unchanged(shared_data: Path) -> None:
    for line in (shared_data / "vendors" / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        raw = json.loads(line)["raw"]
        assert scrub_label(raw) == raw
