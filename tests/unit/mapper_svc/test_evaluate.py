import json

import pytest

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.evaluate import EvaluationRowError, evaluate, read_rows

TAXONOMY = load_taxonomy("2026.11")
A, B, C = "PII.Contact.Email", "PII.Contact.Phone", "PII.Person.Name"


def line(raw: str, gold: str, also: tuple[str, ...] = (), vendor: str = "v") -> str:
    return json.dumps({"vendor": vendor, "raw": raw, "gold": gold, "also": list(also), "meaning": ""})


def test_figures_follow_their_formulas() -> None:
    answers = {"1": A, "2": B, "3": A, "4": "OTHER.Unknown"}
    lines = [line("1", A), line("2", A, (B,)), line("3", C), "", line("4", B, vendor="w")]
    figures = evaluate(read_rows(lines, TAXONOMY), lambda _vendor, raw: answers[raw])
    # A: 2 right, 1 wrong answer: 4/5. B, C, OTHER.Unknown: 0.
    assert figures["rows"] == 4
    assert figures["accuracy"] == 0.5
    assert figures["macro_f1"] == pytest.approx(0.8 / 4)
    assert figures["coverage"] == 0.75
    assert figures["per_vendor"] == {
        "v": {"rows": 3, "accuracy": 0.666667, "macro_f1": pytest.approx(0.8 / 2), "coverage": 1.0},
        "w": {"rows": 1, "accuracy": 0.0, "macro_f1": 0.0, "coverage": 0.0},
    }
    assert figures["errors"] == [
        {"vendor": "v", "raw": "3", "gold": C, "answer": A},
        {"vendor": "w", "raw": "4", "gold": B, "answer": "OTHER.Unknown"},
    ]


def test_no_rows_give_no_figures() -> None:
    figures = evaluate(read_rows(["", " "], TAXONOMY), lambda _vendor, _raw: A)
    assert (figures["rows"], figures["accuracy"], figures["macro_f1"]) == (0, 0.0, 0.0)


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
