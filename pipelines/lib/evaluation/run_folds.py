"""Leaves every vendor family out in turn. Long; goes on where it was stopped."""

import ast
import hashlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.adapters.vendor_files import load_vendors
from mapper_svc.domain.prompt import PROMPT_VERSION
from pipelines.lib.build_dataset import Dataset, DatasetSources
from pipelines.lib.evaluation.answers import Answers
from pipelines.lib.evaluation.case import Case
from pipelines.lib.evaluation.fold_dataset import build_fold, fold_families
from pipelines.lib.evaluation.folds import FoldAnswers, FoldResult, FoldsReport, fold_scores, pool
from pipelines.lib.evaluation.read_cases import heldout_cases
from pipelines.lib.evaluation.rule_answers import similarity_answers, table_answers
from pipelines.lib.example import Example, Source, Split
from pipelines.lib.read_accepted import read_accepted
from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.lib.training.recipe import Recipe

_LIB = Path(__file__).parents[1]
_CODE = ("scoring", "training")


@dataclass(frozen=True)
class FoldPlan:
    """What is to be done.

    Attributes:
        recipe: how the tiers are trained.
        tiers: `all` or `head`.
        sources: where the rows come from.
        folder: folder of the results, one file for each fold.
        at_once: how many families are left out together. Each is left out once, whatever this is: more at
            once are fewer trainings that each learn from less, so that the figure is the worse for it.
        train: trains without families and asks about them.
        versions: versions of the libraries and weights that decide a fold.
    """

    recipe: Recipe
    tiers: str
    sources: DatasetSources
    folder: Path
    at_once: int
    train: Callable[[Dataset, Sequence[Case], Callable[[str], None]], FoldAnswers]
    versions: tuple[str, ...]


def run_folds(plan: FoldPlan, say: Callable[[str], None]) -> FoldsReport:
    """Trains without each family in turn, asks about that family, and pools what was found.

    A family whose file is there, made of the same rows by the same recipe and code, is not asked again.

    Raises:
        DataFaultError: a source of the data set breaks its schema.
    """
    groups = _groups(fold_families(plan.sources), plan.at_once)
    code = _code_hash()
    results: list[FoldResult] = []
    made: list[float] = []
    for number, families in enumerate(groups, start=1):
        left = sum(made) / len(made) * (len(groups) - number + 1) / 60 if made else None
        about = "" if left is None else f", about {left:.0f} min left"
        dataset = build_fold(plan.sources, families)
        cases = tuple(heldout_cases(_asked(dataset), read_accepted(dataset.labels)))
        say(f"fold {number} of {len(groups)}: without {', '.join(families)}, {len(cases)} cases{about}")
        made_by = _made_by(plan, code, dataset)
        found = [_read(plan.folder / f"{family}.json", made_by) for family in families]
        there = [one for one in found if one is not None]
        if len(there) == len(families):
            say(f"  done already, in {sum(one.seconds for one in there):.0f} s")
        else:
            began = time.monotonic()
            there = _fold(plan, families, made_by, dataset, cases, say)
            made.append(time.monotonic() - began)
        results += there
    results.sort(key=lambda one: one.family)
    together = hashlib.sha256("".join(one.made_by for one in results).encode()).hexdigest()
    return pool(plan.recipe.name, plan.tiers, plan.sources.edition, together, results, plan.at_once)


def _groups(families: Sequence[str], at_once: int) -> list[Sequence[str]]:
    count = -(-len(families) // at_once)
    return [families[first::count] for first in range(count)]


def _asked(dataset: Dataset) -> list[Example]:
    return [one for one in dataset.examples if one.split is Split.HELDOUT and not one.opaque]


def _fold(
    plan: FoldPlan,
    families: Sequence[str],
    made_by: str,
    dataset: Dataset,
    cases: Sequence[Case],
    say: Callable[[str], None],
) -> list[FoldResult]:
    began = time.monotonic()
    found = plan.train(dataset, cases, say) if cases else FoldAnswers({})
    right, confidence = fold_scores(
        cases, {**_without_a_model(dataset, cases), **found.tiers}, dataset.labels
    )
    seconds = (time.monotonic() - began) / len(families)
    results = []
    for family in families:
        mine = [at for at, case in enumerate(cases) if case.family == family]
        results.append(
            FoldResult(
                family=family,
                made_by=made_by,
                dataset_sha256=dataset.manifest.content_sha256,
                seconds=seconds,
                right={tier: tuple(all_[at] for at in mine) for tier, all_ in right.items()},
                confidence={tier: tuple(all_[at] for at in mine) for tier, all_ in confidence.items()},
                threshold=found.threshold,
            )
        )
    for result in results:
        path = plan.folder / f"{result.family}.json"
        write_atomically(path, msgspec.json.encode(result) + b"\n")
    return results


def _without_a_model(dataset: Dataset, cases: Sequence[Case]) -> dict[str, Answers]:
    taxonomy = load_taxonomy(dataset.manifest.edition)
    learnt = {
        one.vendor for one in dataset.examples if one.split is Split.TRAIN and one.source is Source.VENDOR
    }
    vendors = [vendor for vendor in load_vendors(taxonomy) if vendor.id in learnt]
    raws = [case.raw for case in cases]
    return {
        "table of others": table_answers(raws, dataset.labels, vendors),
        "similarity": similarity_answers(raws, dataset.labels, taxonomy, vendors),
    }


def _made_by(plan: FoldPlan, code: str, dataset: Dataset) -> str:
    decides = {
        "recipe": msgspec.to_builtins(plan.recipe),
        "tiers": plan.tiers,
        "dataset": dataset.manifest.content_sha256,
        "prompt": PROMPT_VERSION,
        "versions": plan.versions,
        "code": code,
    }
    return hashlib.sha256(msgspec.json.encode(decides, order="sorted")).hexdigest()


def _code_hash() -> str:
    """Returns a hash over what the training's and the scoring's code does, comments and layout left out."""
    digest = hashlib.sha256()
    for package in _CODE:
        for path in sorted((_LIB / package).glob("*.py")):
            digest.update(f"{path.name} {ast.dump(ast.parse(path.read_text('utf-8')))}\n".encode())
    return digest.hexdigest()


def _read(path: Path, made_by: str) -> FoldResult | None:
    try:
        result = msgspec.json.decode(path.read_bytes(), type=FoldResult)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        # A file of an older form; its fold is made again.
        return None
    return result if result.made_by == made_by else None
