"""Which labels differ from learnt ones by endings and order alone."""

from collections.abc import Callable

import pytest

from pipelines.lib.evaluation.assemble import Measured, assemble_report
from pipelines.lib.evaluation.gate_figures import FIGURES
from pipelines.lib.evaluation.gates import load_gates
from pipelines.lib.evaluation.kin import has_kin
from pipelines.lib.evaluation.text_report import as_text


@pytest.mark.parametrize(
    ("asked", "learnt", "is_kin"),
    [
        ("sadness", "SAD", True),
        ("LEAKED_KEYS", "key leak", True),
        ("apiKeyLeak", "leaking of keys", False),
        ("anger", "sadness", False),
        ("card number", "number", False),
        ("!!!", "???", False),
        ("悲しみ", "悲しみ", True),
    ],
)
def test_kin_are_labels_with_the_same_stems(asked: str, learnt: str, *, is_kin: bool) -> None:
    assert has_kin([asked], [learnt]).tolist() == [is_kin]


def test_report_counts_each_unseen_set_without_kin(measured: Callable[..., Measured]) -> None:
    # The fixture gives the first ten of each hundred cases kin.
    found = assemble_report(measured(wrong=[3, 40]), load_gates(tuple(FIGURES)))
    assert {name: (one.cases, round(one.value, 4)) for name, one in found.without_kin.items()} == {
        "held-out families": (90, round(89 / 90, 4)),
        "free form": (90, 1.0),
    }
    assert "held-out families 98.9%" in as_text(found)
