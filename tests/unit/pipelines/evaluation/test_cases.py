from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import load_vendors
from mapper_svc.domain.normalised_label import normalise
from pipelines.lib.evaluation.answers import Answers, Gold
from pipelines.lib.evaluation.case import Case
from pipelines.lib.evaluation.confusion import confusion_of
from pipelines.lib.evaluation.latency import measure_latency
from pipelines.lib.evaluation.robustness import variant_score
from pipelines.lib.evaluation.rule_answers import rule_answers, similarity_answers, table_answers
from pipelines.lib.evaluation.valid_answers import valid_answers
from pipelines.lib.evaluation.variants import ODD_LABELS, VARIANTS

TAXONOMY = load_taxonomy("2026.11")
LABELS = tuple(TAXONOMY.labels)
VENDORS = load_vendors(TAXONOMY)


def test_a_case_and_its_separators_change_how_a_label_looks_and_not_its_words() -> None:
    for name in ("UPPER CASE", "lower case", "snake_case", "kebab-case", "camelCase"):
        assert normalise(VARIANTS[name]("bank_account_number")).replace(" ", "") == "bankaccountnumber"
    assert VARIANTS["camelCase"]("bank_account_number") == "bankAccountNumber"
    assert VARIANTS["kebab-case"]("BankAccountNumber") == "bank-account-number"


@given(st.text(max_size=60))
def test_typos_are_the_same_every_time(raw: str) -> None:
    for name in ("one typo", "two typos"):
        assert VARIANTS[name](raw) == VARIANTS[name](raw)


def test_one_typo_changes_one_place() -> None:
    for raw in ("credit card number", "geburtsdatum", "номер паспорта"):
        typo = VARIANTS["one typo"](raw)
        assert typo != raw
        assert abs(len(typo) - len(raw)) <= 1


def test_a_label_of_three_letters_gets_no_typo() -> None:
    assert VARIANTS["one typo"]("SSN") == "SSN"


def test_a_spelling_counts_only_where_it_changes_the_label() -> None:
    gold = Gold(("a", "b"), np.array([0, 0, 1]), np.array([[True, False], [True, False], [False, True]]))
    plain, changed = Answers(np.array([0, 0, 0])), Answers(np.array([0, 1, 1]))
    score = variant_score("x", plain, changed, np.array([False, True, True]), gold)
    assert score is not None
    assert (score.plain.value, score.changed.value, score.changed.cases) == (0.5, 0.5, 2)
    assert score.kept is not None
    assert score.kept.value == 0
    assert variant_score("x", plain, plain, np.zeros(3, dtype=np.bool_), gold) is None


def test_an_answer_is_valid_only_as_a_distribution_over_the_edition() -> None:
    even = np.full((6, len(LABELS)), 1 / len(LABELS))
    assert valid_answers(even, LABELS, TAXONOMY).all()
    even[0, 0], even[1, 0], even[2, 0] = np.nan, np.inf, -0.1
    even[3] *= 1.01
    assert valid_answers(even, LABELS, TAXONOMY).tolist() == [False, False, False, False, True, True]
    assert not valid_answers(even[:, 1:], LABELS[1:], TAXONOMY).any()
    assert not valid_answers(even, ("No.Label", *LABELS[1:]), TAXONOMY).any()


def test_odd_texts_differ_and_hold_the_worst() -> None:
    assert len(set(ODD_LABELS)) == len(ODD_LABELS)
    assert {"", "\x00"} <= set(ODD_LABELS)


def test_the_rules_know_nothing_of_a_vendor_that_nobody_mapped() -> None:
    places = rule_answers(["EMAIL_ADDRESS", "PII.Contact.Email"], LABELS, TAXONOMY, VENDORS).places
    assert places.tolist() == [-1, LABELS.index("PII.Contact.Email")]


def test_the_tables_of_others_answer_what_most_of_them_say() -> None:
    places = table_answers(["email address", "no vendor says this"], LABELS, VENDORS).places
    assert places.tolist() == [LABELS.index("PII.Contact.Email"), -1]


def test_likeness_guesses_where_the_tables_are_silent() -> None:
    places = similarity_answers(["email_adress", "xqzjv"], LABELS, TAXONOMY, VENDORS).places
    assert places.tolist() == [LABELS.index("PII.Contact.Email"), -1]


def test_confusion_counts_an_accepted_answer_as_right(case: Callable[..., Case]) -> None:
    labels = ("PII.A", "PII.B", "SECRET.C")
    cases = [case("PII.A", also=frozenset({"SECRET.C"})), case("PII.A"), case("PII.A"), case("SECRET.C")]
    found = confusion_of(Answers(np.array([2, 2, 2, 1])), Gold.of(cases, labels), ("PII", "SECRET", "OTHER"))
    assert found.counts == ((1, 2, 0), (1, 0, 0), (0, 0, 0))
    worst = found.worst[0]
    assert (worst.gold, worst.answered, worst.cases, worst.of) == ("PII.A", "SECRET.C", 2, 3)


def test_a_gold_label_outside_the_edition_is_a_fault(case: Callable[..., Case]) -> None:
    with pytest.raises(KeyError):
        Gold.of([case("PII.NoSuch")], LABELS)


def test_every_label_is_timed_once_after_a_warm_up() -> None:
    asked: list[str] = []
    found = measure_latency(asked.append, [str(at) for at in range(30)], "a CPU")
    assert len(asked) == 40
    assert found.labels == 30
    assert 0 <= found.p50 <= found.p95
