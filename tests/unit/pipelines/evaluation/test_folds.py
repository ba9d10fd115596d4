from collections.abc import Sequence

import pytest

from pipelines.lib.build_dataset import DatasetSources
from pipelines.lib.evaluation.fold_dataset import build_fold, fold_families
from pipelines.lib.evaluation.folds import FoldResult, pool
from pipelines.lib.evaluation.folds_plot import folds_png
from pipelines.lib.example import Source, Split
from pipelines.lib.families import load_vendor_families
from pipelines.lib.normalise import duplicate_key

SOURCES = DatasetSources()


def result(
    family: str, right: Sequence[bool], confidence: float = 0.9, threshold: float | None = 0.8
) -> FoldResult:
    return FoldResult(
        family=family,
        made_by=family,
        dataset_sha256="",
        seconds=1.0,
        right={"table of others": (False,) * len(right), "combined": tuple(right)},
        confidence={"combined": (confidence,) * len(right)},
        threshold=threshold,
    )


def test_every_family_is_a_fold() -> None:
    assert fold_families(SOURCES) == tuple(sorted(load_vendor_families(SOURCES.vendor_families).members))


@pytest.mark.parametrize("family", ["presidio", "llm_guard", "openai"])
def test_a_fold_learns_nothing_of_the_family_that_it_asks(family: str) -> None:
    members = set(load_vendor_families(SOURCES.vendor_families).members[family])
    fold = build_fold(SOURCES, family)
    asked = [one for one in fold.examples if one.split is Split.HELDOUT]
    assert {one.vendor for one in asked} == members
    learnt = [one for one in fold.examples if one.split is not Split.HELDOUT]
    assert not {one.vendor for one in learnt} & members
    texts = {duplicate_key(one.raw) for one in asked if not one.opaque}
    assert not texts & {duplicate_key(one.raw) for one in learnt if not one.opaque}


def test_a_fold_trains_on_the_families_that_are_held_out_otherwise() -> None:
    fold = build_fold(SOURCES, "openai")
    families = {
        one.family for one in fold.examples if one.split is Split.TRAIN and one.source is Source.VENDOR
    }
    assert {"secrets", "google"} <= families


def test_an_unknown_family_is_no_fold() -> None:
    with pytest.raises(KeyError):
        build_fold(SOURCES, "nobody")


def test_pooled_figures_weigh_cases_and_families_apart() -> None:
    report = pool(
        "tiny", "all", "2026.11", "x", [result("a", [True] * 9 + [False]), result("b", [False] * 2)]
    )
    combined = report.pooled[-1]
    assert combined.accuracy.value == pytest.approx(9 / 12)
    assert combined.by_family.value == pytest.approx(0.45)
    assert combined.pooled_by_family.value == combined.accuracy.value
    assert combined.pooled_by_family.high - combined.pooled_by_family.low > 0
    assert report.pooled[0].ece is None
    assert combined.ece == pytest.approx(abs(0.9 - 9 / 12), abs=0.35)


def test_each_fold_is_held_to_its_own_threshold() -> None:
    folds = [
        result("a", [True, True]),
        result("b", [False], threshold=None),
        result("c", [True], threshold=0.95),
    ]
    report = pool("tiny", "all", "2026.11", "x", folds)
    assert report.coverage_above_threshold is not None
    assert report.precision_above_threshold is not None
    assert report.coverage_above_threshold.value == pytest.approx(0.5)
    assert report.precision_above_threshold.value == 1


def test_a_family_without_a_clear_label_counts_for_nothing() -> None:
    report = pool("tiny", "head", "2026.11", "x", [result("a", [True]), result("opaque", [])])
    assert (report.folds, report.cases) == (1, 1)


def test_the_plot_is_a_picture() -> None:
    report = pool("tiny", "all", "2026.11", "x", [result("a", [True]), result("b", [False, True])])
    assert folds_png(report).startswith(b"\x89PNG")
