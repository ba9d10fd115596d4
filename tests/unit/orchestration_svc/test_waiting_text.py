"""What is sealed of a text that waits opens into that text and that person, whatever they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.domain.waiting_text import packed, unpacked

WITHOUT_NULL = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]))


@given(WITHOUT_NULL, st.none() | WITHOUT_NULL.filter(bool))
def test_text_and_person_come_out_as_they_went_in(content: str, subject: str | None) -> None:
    assert unpacked(packed(content, subject)) == (content, subject)


@pytest.mark.parametrize("content", ["hello", "", "a\tb"])
def test_text_that_was_sealed_before_persons_were_known_is_whole(content: str) -> None:
    assert unpacked(content) == (content, None)
