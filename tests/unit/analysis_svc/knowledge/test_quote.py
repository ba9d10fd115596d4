from hypothesis import given
from hypothesis import strategies as st

from analysis_svc.domain.knowledge.quote import MAX_QUOTE, best_quote

BREACH = (
    "The controller keeps a record. It notifies the authority of a breach within 72 hours. "
    "The record is shown to the authority on demand.\nIt is kept in writing."
)


def test_quote_is_the_sentence_that_has_the_words() -> None:
    quote = best_quote(BREACH, {"breach": 3.0, "notifi": 2.0, "72": 2.0}, limit=80)
    assert quote == "It notifies the authority of a breach within 72 hours."


@given(st.text(max_size=1_500), st.dictionaries(st.text(min_size=1, max_size=6), st.floats(0, 9), max_size=6))
def test_quote_is_verbatim_and_short_whatever_the_text(text: str, weights: dict[str, float]) -> None:
    quote = best_quote(text, weights)
    assert quote in text
    assert len(quote) <= MAX_QUOTE


def test_sentence_that_is_too_long_ends_with_a_whole_word() -> None:
    quote = best_quote("breach " * 100, {"breach": 1.0})
    assert quote.endswith("breach")
    assert len(quote) <= MAX_QUOTE


def test_label_is_quoted_with_what_it_is_the_label_of_and_never_alone() -> None:
    text = f"a. Categorise the system and {'the information ' * 30}it holds;\nb. Document the results."
    quote = best_quote(text, {})
    assert quote.startswith("a. Categorise the system")
    assert best_quote(text, {"document": 2.0}) == "b. Document the results."
