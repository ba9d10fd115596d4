from itertools import pairwise
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.adapters.detectors import presidio
from orchestration_svc.adapters.detectors.word_windows import word_windows


def span(kind: str, start: int, end: int, score: float = 0.5) -> dict[str, Any]:
    return {"entity_type": kind, "start": start, "end": end, "score": score}


def test_the_web_address_inside_an_e_mail_address_is_no_finding_of_its_own() -> None:
    mail = span("EMAIL_ADDRESS", 0, 20, 1.0)
    assert presidio.without_second_guesses([span("URL", 9, 20), mail]) == [mail]


def test_of_overlapping_spans_of_one_kind_the_stronger_stays() -> None:
    strong = span("PHONE_NUMBER", 2, 14, 0.75)
    assert presidio.without_second_guesses([span("PHONE_NUMBER", 0, 12, 0.4), strong]) == [strong]


def test_digits_within_a_verified_card_number_are_no_telephone_number() -> None:
    card = span("CREDIT_CARD", 0, 19, 1.0)
    assert presidio.without_second_guesses([span("PHONE_NUMBER", 5, 19, 0.4), card]) == [card]


def test_a_span_that_is_dropped_itself_drops_nothing_within_it() -> None:
    address, mail = span("URL", 1, 2, 1.0), span("EMAIL_ADDRESS", 0, 1, 0.85)
    assert presidio.without_second_guesses([span("EMAIL_ADDRESS", 0, 2, 0.4), mail, address]) == [
        mail,
        address,
    ]


def test_different_kinds_side_by_side_or_overlapping_all_stay() -> None:
    spans = [span("PERSON", 0, 8, 0.85), span("LOCATION", 4, 12, 0.85), span("US_SSN", 20, 31, 0.85)]
    assert presidio.without_second_guesses(list(reversed(spans))) == spans


@given(
    st.lists(
        st.builds(
            lambda kind, start, length, score: span(kind, start, start + length, score),
            st.sampled_from(["URL", "EMAIL_ADDRESS", "CREDIT_CARD"]),
            st.integers(0, 40),
            st.integers(1, 20),
            st.sampled_from([0.4, 0.85, 1.0]),
        ),
        max_size=12,
    )
)
def test_what_was_flagged_stays_flagged_and_no_kind_overlaps_itself(spans: list[dict[str, Any]]) -> None:
    kept = presidio.without_second_guesses(spans)
    assert all(one in spans for one in kept)
    for dropped in spans:
        assert any(one["start"] < dropped["end"] and dropped["start"] < one["end"] for one in kept)
    for place, one in enumerate(kept):
        for other in kept[place + 1 :]:
            overlap = one["start"] < other["end"] and other["start"] < one["end"]
            assert not (overlap and one["entity_type"] == other["entity_type"])


@given(st.integers(0, 70_000))
def test_every_place_of_a_text_belongs_to_exactly_one_window(length: int) -> None:
    windows = presidio.windows(length)
    assert windows[0][1] == 0
    assert windows[-1][2] == length
    assert all(left[2] == right[1] for left, right in pairwise(windows))
    # A hit that starts last in its window has at least half an overlap left to end in.
    assert all(begin <= first for begin, first, _ in windows)
    assert all(last <= begin + 1_900 for begin, _, last in windows[:-1])


@given(st.text(alphabet="ab \n\u00e9\U0001f600", max_size=2_000))
def test_windows_of_words_cover_every_word(text: str) -> None:
    spans = word_windows(text)
    covered = {place for start, end in spans for place in range(start, end)}
    words = [place for place, char in enumerate(text) if not char.isspace()]
    assert not spans or set(words) <= covered
