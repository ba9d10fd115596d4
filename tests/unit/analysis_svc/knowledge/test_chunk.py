import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.domain.knowledge.chunk import CHUNK_LIMIT, TooManyChunksError, chunks_of, split_text
from analysis_svc.domain.knowledge.passages import Section


@given(st.text(max_size=3_000), st.integers(min_value=20, max_value=400))
def test_parts_are_short_enough_and_every_word_is_in_one_verbatim(text: str, limit: int) -> None:
    parts = split_text(text, limit)
    assert all(0 < len(part) <= limit and part in text for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_section_that_fits_is_one_chunk_under_its_own_name() -> None:
    section = Section(
        "AC-2", "Account Management", ("AC", "AC-2 Account Management"), "Manage accounts.", "Around."
    )
    (chunk,) = chunks_of([section])
    assert (chunk.ref_id, chunk.text) == ("AC-2", "Manage accounts.")
    assert chunk.context == "AC. AC-2 Account Management. Around."
    assert "Around" not in chunk.meaning


def test_long_section_is_cut_between_paragraphs_and_keeps_its_name() -> None:
    paragraphs = [f"Paragraph {number}. " + "word " * 120 for number in range(5)]
    chunks = chunks_of([Section("5", "", (), "\n\n".join(paragraphs))])
    assert {chunk.ref_id for chunk in chunks} == {"5"}
    assert [chunk.ordinal for chunk in chunks] == list(range(len(chunks)))
    assert all(chunk.text.startswith("Paragraph") and len(chunk.text) <= CHUNK_LIMIT for chunk in chunks)


def test_section_without_words_makes_no_chunk() -> None:
    assert chunks_of([Section("AC", "Access Control", ("AC",), "  \n")]) == []


def test_source_that_makes_too_many_chunks_is_not_cut_to_the_end() -> None:
    section = Section("1", "", (), "Words.")
    assert len(chunks_of([section] * 3, most=3)) == 3
    with pytest.raises(TooManyChunksError):
        chunks_of(itertools.repeat(section), most=3)
    with pytest.raises(TooManyChunksError):
        chunks_of([Section("1", "", (), "word " * 1_000_000)], most=3)
