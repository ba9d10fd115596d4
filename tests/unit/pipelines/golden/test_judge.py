from collections.abc import Callable

import pytest

from pipelines.lib.golden.golden_row import GoldenRow
from pipelines.lib.golden.judge import Answer, Answered, judge
from pipelines.lib.golden.score_golden import score_golden

MakeRow = Callable[..., GoldenRow]
NAME, MAIL = "PII.Person.Name", "PII.Contact.Email"


def answer(*found: tuple[str, float, str], text: str = "") -> Answer:
    return Answer(tuple(Answered(*one) for one in found), text)


def test_the_exact_set_within_its_bounds_is_right(row: MakeRow) -> None:
    expected = row({NAME: [0.8, 0.9], MAIL: None}, tier="rule")

    assert judge(expected, answer((NAME, 0.85, "rule"), (MAIL, 0.2, "rule"))) is None


@pytest.mark.parametrize("found", [(), ((NAME, 0.85, "rule"), (MAIL, 0.1, "rule")), ((MAIL, 0.85, "rule"),)])
def test_a_label_too_many_too_few_or_another_is_wrong(
    row: MakeRow, found: tuple[tuple[str, float, str], ...]
) -> None:
    assert judge(row({NAME: None}), answer(*found)) is not None


@pytest.mark.parametrize("risk", [0.79, 0.91])
def test_a_risk_outside_its_bounds_is_wrong(row: MakeRow, risk: float) -> None:
    reason = judge(row({NAME: [0.8, 0.9]}), answer((NAME, risk, "rule")))

    assert reason == f"the risk of {NAME} is {risk}, not within [0.8, 0.9]"


def test_the_highest_risk_of_a_label_counts(row: MakeRow) -> None:
    assert judge(row({NAME: [0.8, 0.9]}), answer((NAME, 0.1, "rule"), (NAME, 0.85, "rule"))) is None


def test_the_fallback_where_a_rule_must_hold_is_wrong(row: MakeRow) -> None:
    assert judge(row({NAME: None}, tier="rule"), answer((NAME, 0.9, "fallback"))) is not None


def test_what_a_model_names_stands_for_unknown_unless_it_calls_it_safe(row: MakeRow) -> None:
    unknown = row({"OTHER.Unknown": None}, tier="fallback")

    assert judge(unknown, answer((MAIL, 0.9, "model"))) is None
    assert judge(unknown, answer((MAIL, 0.9, "semantic"))) is None
    assert judge(unknown, answer(("OTHER.Safe", 0.0, "model"))) is not None
    assert judge(unknown, answer((MAIL, 0.9, "rule"))) is not None


def test_an_answer_that_carries_a_text_of_the_payload_is_wrong(row: MakeRow) -> None:
    hiding = row({NAME: None}, output=["teasel"], hidden=["teasel"])

    assert judge(hiding, answer((NAME, 0.9, "rule"), text='{"notes": "teasel"}')) is not None


def test_the_score_counts_by_vendor_and_lists_what_is_wrong(row: MakeRow) -> None:
    rows = [row({NAME: None}), row({MAIL: None}), row({NAME: None}, vendor="llm_guard")]

    score = score_golden(rows, lambda some: [answer((NAME, 0.9, "rule")) for _ in some])

    assert (score.overall.rows, score.overall.right) == (3, 2)
    assert score.vendors["presidio_analyzer"].share == 0.5
    assert score.vendors["llm_guard"].share == 1.0
    assert [one.row for one in score.wrong] == [rows[1]]


def test_nothing_to_score_and_missing_answers_are_faults(row: MakeRow) -> None:
    with pytest.raises(ValueError, match="nothing to score"):
        score_golden([], lambda _: [])
    with pytest.raises(ValueError, match="shorter"):
        score_golden([row({NAME: None})], lambda _: [])
