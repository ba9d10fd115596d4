"""Redaction over any Unicode: what was found is gone, the rest stands as it was."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.domain.redact import (
    MASK,
    Span,
    Style,
    UnplacedFindingError,
    redact,
    redact_all,
    spans_in,
)

LABELS = st.sampled_from(["EMAIL_ADDRESS", "AWS Access Key", "ü", "", "person"])
STYLES = st.sampled_from(Style)
# Letters of every plane, and marks, joiners and skin tones more often than chance would bring them.
CHARS = st.one_of(
    st.characters(exclude_categories=["Cs"]),
    st.sampled_from("e\u0301\u200d\U0001f469\U0001f3fd\ufe0f[]_1 EMAIL"),
)
TEXTS = st.text(CHARS, min_size=1, max_size=60)


@st.composite
def found(draw: st.DrawFn) -> tuple[str, list[Span]]:
    text = draw(TEXTS)
    spans = []
    for _ in range(draw(st.integers(0, 5))):
        start = draw(st.integers(0, len(text) - 1))
        spans.append(Span(start, draw(st.integers(start + 1, len(text))), draw(LABELS)))
    return text, spans


@given(found(), STYLES)
def test_everything_outside_of_the_replacements_stands_as_it_was(
    case: tuple[str, list[Span]], style: Style
) -> None:
    text, spans = case
    made = redact(text, spans, style)
    old = new = 0
    for one in made.replacements:
        assert text[old : one.start] == made.text[new : one.new_start]
        old, new = one.end, one.new_end
    assert text[old:] == made.text[new:]


@given(found(), STYLES)
def test_every_code_point_that_was_found_lies_in_one_replacement(
    case: tuple[str, list[Span]], style: Style
) -> None:
    text, spans = case
    replaced = [set(range(one.start, one.end)) for one in redact(text, spans, style).replacements]
    for span in spans:
        assert sum(set(range(span.start, span.end)) <= one for one in replaced) == 1
    assert sum(len(one) for one in replaced) == len(set().union(*replaced))


@given(found())
def test_mask_keeps_every_offset(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    made = redact(text, spans, Style.MASK)
    assert len(made.text) == len(text)
    assert all(one.start == one.new_start and one.end == one.new_end for one in made.replacements)
    assert all(set(made.text[one.start : one.end]) == {MASK} for one in made.replacements)


@given(found(), STYLES)
def test_no_mark_outlives_its_letter(case: tuple[str, list[Span]], style: Style) -> None:
    made = redact(*case, style)
    for one in made.replacements:
        behind = made.text[one.new_end : one.new_end + 1]
        assert not behind or unicodedata.category(behind) not in {"Mn", "Me", "Mc"}
        assert behind != "\u200d"


@given(found(), STYLES)
def test_order_of_the_findings_changes_nothing(case: tuple[str, list[Span]], style: Style) -> None:
    text, spans = case
    assert redact(text, spans, style) == redact(text, spans[::-1], style)


@given(found())
def test_no_placeholder_stood_in_the_text_before(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    made = redact(text, spans, Style.PLACEHOLDER)
    assert all(made.text[one.new_start : one.new_end] not in text for one in made.replacements)


@given(found())
def test_same_placeholder_is_the_same_words(case: tuple[str, list[Span]]) -> None:
    text, spans = case
    words: dict[str, set[str]] = {}
    made = redact(text, spans, Style.PLACEHOLDER)
    for one in made.replacements:
        taken = unicodedata.normalize("NFC", text[one.start : one.end])
        words.setdefault(made.text[one.new_start : one.new_end], set()).add(taken)
    assert all(len(told) == 1 for told in words.values())


def test_placeholders_are_stable_over_the_texts_of_a_request() -> None:
    texts = ["eve@x.org and bob@x.org", "again bob@x.org", "caf\u00e9 cafe\u0301"]
    mail = "EMAIL_ADDRESS"
    spans = [
        [Span(0, 9, mail), Span(14, 23, mail)],
        [Span(6, 15, mail)],
        [Span(0, 4, "place"), Span(5, 10, "place")],
    ]
    assert [one.text for one in redact_all(texts, spans, Style.PLACEHOLDER)] == [
        "[EMAIL_ADDRESS_1] and [EMAIL_ADDRESS_2]",
        "again [EMAIL_ADDRESS_2]",
        "[PLACE_1] [PLACE_1]",
    ]


def test_placeholder_that_the_author_wrote_is_not_given_out() -> None:
    made = redact("[PII_1] eve", [Span(8, 11, "pii")], Style.PLACEHOLDER)
    assert made.text == "[PII_1] [PII_2]"


def test_family_emoji_goes_as_a_whole() -> None:
    family = "\U0001f469\U0001f3fd\u200d\U0001f467"
    assert redact(f"a{family}b", [Span(1, 2, "x")], Style.PLACEHOLDER).text == "a[X_1]b"
    assert redact(f"a{family}b", [Span(4, 5, "x")], Style.PLACEHOLDER).text == "a[X_1]b"


@pytest.mark.parametrize(("start", "end"), [(-1, 2), (1, 1), (2, 1), (0, 5), (4, 9)])
def test_finding_outside_of_its_text_is_an_error_and_never_left_in(start: int, end: int) -> None:
    with pytest.raises(UnplacedFindingError):
        redact("four", [Span(start, end, "x")], Style.MASK)


def test_places_are_read_from_every_shape_of_output() -> None:
    output = [
        {"entity_type": "PERSON", "start": 0, "end": 3, "score": 1.0},
        {"type": "AWS Access Key", "start": 4, "end": 9},
        {"detection_type": "pii", "detection": "EmailAddress", "start": 1, "end": 2},
        {"label": "safe", "score": 0.1},
        "EMAIL",
    ]
    labels = [span.label for span in spans_in(output)]
    assert labels == ["PERSON", "AWS Access Key", "EmailAddress"]
    assert spans_in({"label": "injection", "start": 2, "end": 7}) == (Span(2, 7, "injection"),)


@pytest.mark.parametrize(
    "entry", [{"start": 1}, {"end": 3}, {"start": 1, "end": 2.5}, {"start": True, "end": 2}]
)
def test_half_a_place_is_an_error_and_never_passed_over(entry: dict[str, object]) -> None:
    with pytest.raises(UnplacedFindingError):
        spans_in([entry])
