import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.lib.normalise import duplicate_key, normalise


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        ("creditCardNumber", "credit card number"),
        ("CREDIT_CARD_NUMBER", "credit card number"),
        ("credit-card/number", "credit card number"),
        ("contentPolicy.filters[].type=HATE", "content policy filters type hate"),
        ("IPAddress", "ip address"),
        ("MaliciousURLs", "malicious urls"),
        ("OAuth2Token", "oauth2 token"),
        ("IPv4Address", "ipv4 address"),
        ("SHA256Hash", "sha256 hash"),
        ("DLP-1042: chart number", "dlp 1042 chart number"),
        ("S10", "s10"),
        ("  spaced   out ", "spaced out"),
        ('{"mood": "frustrated"}', "mood frustrated"),
        ("Straßenname", "strassenname"),
        ("信用卡号", "信用卡号"),
        ("\uff25\uff4d\uff41\uff49\uff4c", "email"),  # full-width
        ("رقم_الهاتف", "رقم الهاتف"),
        ("номерПаспорта", "номер паспорта"),
        ("???", "???"),
    ],
)
def test_a_label_becomes_lower_case_words(raw: str, words: str) -> None:
    assert normalise(raw) == words


@given(st.text(max_size=60))
def test_normalising_twice_changes_nothing(raw: str) -> None:
    once = normalise(raw)
    assert normalise(once) == once


@given(st.text(alphabet=string.printable, max_size=60))
def test_digits_are_neither_lost_nor_added_nor_moved(raw: str) -> None:
    assert [char for char in normalise(raw) if char.isdigit()] == [char for char in raw if char.isdigit()]


@given(st.text(min_size=1, max_size=60).filter(str.strip))
def test_a_label_with_something_in_it_never_becomes_empty(raw: str) -> None:
    assert normalise(raw)
    assert duplicate_key(raw)


@given(st.lists(st.text(alphabet=string.ascii_lowercase, min_size=1, max_size=8), min_size=1, max_size=5))
def test_snake_kebab_and_screaming_case_are_the_same_words(words: list[str]) -> None:
    expected = " ".join(words)
    spellings = ("_".join(words), "-".join(words), "_".join(words).upper(), " ".join(words).title())
    assert {normalise(spelling) for spelling in spellings} == {expected}


@pytest.mark.parametrize("spelling", ["E-Mail", "email", "e_mail", "EMAIL", "e mail"])
def test_spellings_of_one_text_share_their_key(spelling: str) -> None:
    assert duplicate_key(spelling) == duplicate_key("e-mail")


def test_a_separator_between_digits_tells_codes_apart() -> None:
    assert duplicate_key("S1_1") != duplicate_key("S11")
