from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import pytest
import yaml

from pipelines.lib.build_dataset import Dataset, DatasetSources
from pipelines.lib.evaluation.answers import Answers
from pipelines.lib.evaluation.case import Case
from pipelines.lib.evaluation.fold_dataset import build_fold, fold_families
from pipelines.lib.evaluation.folds import FoldAnswers, FoldResult, pool
from pipelines.lib.evaluation.folds_plot import folds_png
from pipelines.lib.evaluation.run_folds import FoldPlan, run_folds
from pipelines.lib.evaluation.text_report import folds_table
from pipelines.lib.example import Source, Split
from pipelines.lib.families import load_vendor_families
from pipelines.lib.normalise import duplicate_key
from pipelines.lib.training.recipe import load_recipe

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


@pytest.fixture(scope="module")
def few_phrasings(tmp_path_factory: pytest.TempPathFactory) -> DatasetSources:
    """The sources with the phrasings of one pillar: what a fold is about are the vendors."""
    phrasings = tmp_path_factory.mktemp("phrasings")
    (phrasings / "secret.jsonl").write_bytes((SOURCES.phrasings / "secret.jsonl").read_bytes())
    return replace(SOURCES, phrasings=phrasings)


@pytest.mark.parametrize("family", ["presidio", "llm_guard", "openai"])
def test_a_fold_learns_nothing_of_the_family_that_it_asks(family: str, few_phrasings: DatasetSources) -> None:
    members = set(load_vendor_families(SOURCES.vendor_families).members[family])
    fold = build_fold(few_phrasings, [family])
    asked = [one for one in fold.examples if one.split is Split.HELDOUT]
    assert {one.vendor for one in asked} == members
    learnt = [one for one in fold.examples if one.split is not Split.HELDOUT]
    assert not {one.vendor for one in learnt} & members
    texts = {duplicate_key(one.raw) for one in asked if not one.opaque}
    assert not texts & {duplicate_key(one.raw) for one in learnt if not one.opaque}


def test_a_fold_trains_on_the_families_that_are_held_out_otherwise(few_phrasings: DatasetSources) -> None:
    fold = build_fold(few_phrasings, ["openai"])
    families = {
        one.family for one in fold.examples if one.split is Split.TRAIN and one.source is Source.VENDOR
    }
    assert {"secrets", "google"} <= families


def test_an_unknown_family_is_no_fold() -> None:
    with pytest.raises(KeyError):
        build_fold(SOURCES, ["nobody"])


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


class Trainer:
    """Stands for a training; is right about every case of every family."""

    def __init__(self, dies_at: int = 1000) -> None:
        self.trained: list[str] = []
        self.dies_at = dies_at

    def __call__(self, dataset: Dataset, cases: Sequence[Case], say: Callable[[str], None]) -> FoldAnswers:
        if len(self.trained) == self.dies_at:
            raise KeyboardInterrupt
        self.trained.append(cases[0].family)
        say("trained")
        gold = Answers.of_labels([case.gold for case in cases], dataset.labels)
        return FoldAnswers({"head": Answers(gold.places, np.full(len(cases), 0.9))})


@pytest.fixture
def three_families(few_phrasings: DatasetSources, tmp_path: Path) -> DatasetSources:
    """The sources with three vendors, each a family."""
    kept = {"openai_moderation", "presidio_analyzer", "google_model_armor"}
    vendors = tmp_path / "vendors"
    vendors.mkdir()
    for name in kept:
        (vendors / f"{name}.yaml").write_bytes((SOURCES.vendors / f"{name}.yaml").read_bytes())
    listed = yaml.safe_load(SOURCES.vendor_families.read_text("utf-8"))
    families = {name: {"members": [name]} for name in sorted(kept)}
    path = tmp_path / "vendor_families.yaml"
    opaque = listed["opaque"] | {"labels": {}}
    path.write_text(
        yaml.safe_dump({**listed, "opaque": opaque, "families": families, "held_out": [], "validation": []})
    )
    return replace(few_phrasings, vendors=vendors, vendor_families=path)


def plan(sources: DatasetSources, folder: Path, train: Trainer, seed: int = 1, at_once: int = 1) -> FoldPlan:
    recipe = msgspec.structs.replace(load_recipe("smollm2-135m"), seed=seed)
    return FoldPlan(recipe, "head", sources, folder, at_once, train, ("numpy 2",))


def test_stopped_folds_go_on_where_they_were(three_families: DatasetSources, tmp_path: Path) -> None:
    folder = tmp_path / "folds"
    first, second = Trainer(dies_at=2), Trainer()
    with pytest.raises(KeyboardInterrupt):
        run_folds(plan(three_families, folder, first), lambda _: None)
    said: list[str] = []
    report = run_folds(plan(three_families, folder, second), said.append)
    assert first.trained + second.trained == ["google_model_armor", "openai_moderation", "presidio_analyzer"]
    assert second.trained == ["presidio_analyzer"]
    assert sum("done already" in line for line in said) == 2
    assert report.folds == 3
    assert report.pooled[-1].accuracy.value == 1


def test_families_left_out_together_are_each_asked_once(
    three_families: DatasetSources, tmp_path: Path
) -> None:
    trainer = Trainer()
    together = run_folds(plan(three_families, tmp_path / "a", trainer, at_once=2), lambda _: None)
    alone = run_folds(plan(three_families, tmp_path / "b", Trainer()), lambda _: None)
    assert len(trainer.trained) == 2
    assert [(one.family, one.accuracy["head"].cases) for one in together.families] == [
        (one.family, one.accuracy["head"].cases) for one in alone.families
    ]
    assert "3 families left out in turn, 2 at a time" in folds_table(together)
    assert "at a time" not in folds_table(alone)
    again = Trainer(dies_at=0)
    assert run_folds(plan(three_families, tmp_path / "a", again, at_once=2), lambda _: None) == together


def test_a_fold_of_another_recipe_or_a_broken_file_is_made_anew(
    three_families: DatasetSources, tmp_path: Path
) -> None:
    folder = tmp_path / "folds"
    run_folds(plan(three_families, folder, Trainer()), lambda _: None)
    (folder / "openai_moderation.json").write_text('{"family": "openai_moderation"')
    again = Trainer()
    run_folds(plan(three_families, folder, again), lambda _: None)
    assert again.trained == ["openai_moderation"]
    other = Trainer()
    run_folds(plan(three_families, folder, other, seed=2), lambda _: None)
    assert len(other.trained) == 3


def test_the_plot_is_a_picture() -> None:
    report = pool("tiny", "all", "2026.11", "x", [result("a", [True]), result("b", [False, True])])
    assert folds_png(report).startswith(b"\x89PNG")
