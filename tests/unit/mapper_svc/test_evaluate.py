import json

import pytest

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.evaluate import EvaluatedAnswer, EvaluationRowError, evaluate, read_rows

TAXONOMY = load_taxonomy("2026.11")
A, B, C = "PII.Contact.Email", "PII.Contact.Phone", "PII.Person.Name"


def line(raw: str, gold: str, also: tuple[str, ...] = (), vendor: str = "v") -> str:
    return json.dumps({"vendor": vendor, "raw": raw, "gold": gold, "also": list(also), "meaning": ""})


def answer(label: str, confidence: float | None = None) -> EvaluatedAnswer:
    return EvaluatedAnswer(label, confidence, taken=label != "OTHER.Unknown", tier="rule")


def test_figures_follow_their_formulas() -> None:
    answers = {"1": A, "2": B, "3": A, "4": "OTHER.Unknown"}
    lines = [line("1", A), line("2", A, (B,)), line("3", C), "", line("4", B, vendor="w")]
    figures = evaluate((row, answer(answers[row.raw])) for row in read_rows(lines, TAXONOMY))
    # A: 2 right, 1 wrong answer: 4/5. B, C, OTHER.Unknown: 0.
    assert figures["rows"] == 4
    assert figures["accuracy"] == 0.5
    assert figures["macro_f1"] == pytest.approx(0.8 / 4)
    assert figures["coverage"] == 0.75
    assert figures["precision"] == 0.666667
    assert figures["per_vendor"] == {
        "v": {
            "rows": 3,
            "accuracy": 0.666667,
            "macro_f1": pytest.approx(0.8 / 2),
            "coverage": 1.0,
            "precision": 0.666667,
            "ece": 0.0,
        },
        "w": {"rows": 1, "accuracy": 0.0, "macro_f1": 0.0, "coverage": 0.0, "precision": 0.0, "ece": 0.0},
    }
    assert figures["tiers"] == {"rule": 4}
    assert figures["errors"] == [
        {"vendor": "v", "raw": "3", "gold": C, "answer": A},
        {"vendor": "w", "raw": "4", "gold": B, "answer": "OTHER.Unknown"},
    ]


def test_calibration_error_is_the_mean_gap_over_bins_of_equal_mass() -> None:
    rows = list(read_rows([line(str(n), A) for n in range(20)], TAXONOMY))
    said = [answer(A if n % 2 else C, 0.2 if n < 10 else 0.9) for n in range(20)]
    # Every bin of two has one right: |0.2 - 0.5| in half of them, |0.9 - 0.5| in the others.
    assert evaluate(zip(rows, said, strict=True))["ece"] == pytest.approx(0.35)
    sure = [answer(A, 1.0)] * 20
    assert evaluate(zip(rows, sure, strict=True))["ece"] == 0.0
    assert evaluate(zip(rows, [answer(A)] * 20, strict=True))["ece"] == 0.0


def test_a_guess_that_is_not_taken_counts_for_accuracy_and_not_for_coverage() -> None:
    rows = list(read_rows([line("1", A), line("2", A)], TAXONOMY))
    unsure = EvaluatedAnswer(A, 0.3, taken=False, tier="fallback")
    figures = evaluate(zip(rows, [unsure, answer(A)], strict=True))
    assert (figures["accuracy"], figures["coverage"], figures["precision"]) == (1.0, 0.5, 1.0)


def test_no_rows_give_no_figures() -> None:
    figures = evaluate((row, answer(A)) for row in read_rows(["", " "], TAXONOMY))
    assert (figures["rows"], figures["accuracy"], figures["macro_f1"], figures["ece"]) == (0, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("bad", "fault"),
    [
        ("{", "line 2: is not JSON"),
        ("[" * 100_000, "line 2: is not JSON"),
        ("[]", "line 2: is no object"),
        ('{"vendor": "v", "raw": "x"}', "line 2: gold must be a text"),
        ('{"vendor": "v", "raw": 1, "gold": "OTHER.Safe"}', "line 2: raw must be a text"),
        (line("x", "PII.Mail"), "line 2: 'PII.Mail' is no label of taxonomy 2026.11"),
        (line("x", A, ("PII.Mail",)), "line 2: 'PII.Mail' is no label"),
        ('{"vendor": "v", "raw": "x", "gold": "OTHER.Safe", "also": "x"}', "line 2: also must be a list"),
        (
            '{"vendor": "v", "raw": "x", "gold": "OTHER.Safe", "more": 1}',
            "line 2: 'more' is no field of a row",
        ),
    ],
)
def test_a_bad_line_is_named(bad: str, fault: str) -> None:
    with pytest.raises(EvaluationRowError) as caught:
        list(read_rows([line("1", A), bad], TAXONOMY))
    assert str(caught.value).startswith(fault)
