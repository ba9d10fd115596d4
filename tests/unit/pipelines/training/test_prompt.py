import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_svc.domain.normalised_label import normalise
from mapper_svc.domain.prompt import RAW_BYTES, VENDOR_BYTES, prompt, shorten

ANY_TEXT = st.text(st.characters(codec="utf-8"), max_size=300)


def test_the_raw_and_the_normalised_label_are_both_shown_with_the_vendor_in_front() -> None:
    assert prompt("US_SSN", "presidio_analyzer") == "presidio analyzer: US_SSN (us ssn) =>"


def test_a_label_of_nobody_has_no_vendor() -> None:
    assert prompt("maliciousURLs") == "maliciousURLs (malicious urls) =>"


@pytest.mark.parametrize("raw", ["Text makes no sense.", "患者カルテ番号", "email", "Номер паспорта"])
def test_the_normalised_label_is_left_out_where_it_says_the_same(raw: str) -> None:
    assert prompt(raw) == f"{raw} =>"


def test_a_long_label_keeps_both_its_ends() -> None:
    text = prompt("rule 1 begins here " + "x" * 5000 + " and ends as password leak")
    assert text.startswith("rule 1 begins here")
    assert text.endswith(" and ends as password leak =>")


@given(ANY_TEXT, st.none() | ANY_TEXT)
def test_a_prompt_is_one_line_of_bounded_bytes_that_ends_in_the_arrow(raw: str, vendor: str | None) -> None:
    text = prompt(raw, vendor)
    assert text.endswith(" =>")
    assert "\n" not in text.replace(vendor or "\n", "")
    assert len(text.encode()) <= 2 * RAW_BYTES + VENDOR_BYTES + len(":  () =>")


@given(ANY_TEXT, st.integers(min_value=20, max_value=200))
def test_shortening_breaks_no_character_and_keeps_to_its_limit(text: str, limit: int) -> None:
    short = shorten(text, limit)
    assert len(short.encode()) <= limit
    assert short == text or " … " in short
    assert set(short) <= set(text) | set(" …")


@given(ANY_TEXT)
def test_the_prompt_does_not_change_when_it_is_made_again(raw: str) -> None:
    assert prompt(raw) == prompt(raw)
    assert normalise(raw) == normalise(raw)
