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
        train: trains without a family and asks about it.
        versions: versions of the libraries and weights that decide a fold.
    """

    recipe: Recipe
    tiers: str
    sources: DatasetSources
    folder: Path
    train: Callable[[Dataset, Sequence[Case], Callable[[str], None]], FoldAnswers]
    versions: tuple[str, ...]


def run_folds(plan: FoldPlan, say: Callable[[str], None]) -> FoldsReport:
    """Trains without each family in turn, asks about that family, and pools what was found.

    A fold whose file is there, made of the same rows by the same recipe and code, is not made again.

    Raises:
        DataFaultError: a source of the data set breaks its schema.
    """
    families = fold_families(plan.sources)
    code = _code_hash()
    results: list[FoldResult] = []
    made: list[float] = []
    for number, family in enumerate(families, start=1):
        left = sum(made) / len(made) * (len(families) - number + 1) / 60 if made else None
        about = "" if left is None else f", about {left:.0f} min left"
        dataset = build_fold(plan.sources, family)
        cases = tuple(heldout_cases(_asked(dataset), read_accepted(dataset.labels)))
        say(f"fold {number} of {len(families)}: without {family}, {len(cases)} cases{about}")
        made_by = _made_by(plan, code, dataset)
        result = _read(plan.folder / f"{family}.json", made_by)
        if result is None:
            began = time.monotonic()
            result = _fold(plan, family, made_by, dataset, cases, say)
            made.append(time.monotonic() - began)
        else:
            say(f"  done already, in {result.seconds:.0f} s")
        results.append(result)
    together = hashlib.sha256("".join(one.made_by for one in results).encode()).hexdigest()
    return pool(plan.recipe.name, plan.tiers, plan.sources.edition, together, results)


def _asked(dataset: Dataset) -> list[Example]:
    return [one for one in dataset.examples if one.split is Split.HELDOUT and not one.opaque]


def _fold(
    plan: FoldPlan,
    family: str,
    made_by: str,
    dataset: Dataset,
    cases: Sequence[Case],
    say: Callable[[str], None],
) -> FoldResult:
    began = time.monotonic()
    found = plan.train(dataset, cases, say) if cases else FoldAnswers({})
    right, confidence = fold_scores(
        cases, {**_without_a_model(dataset, cases), **found.tiers}, dataset.labels
    )
    result = FoldResult(
        family=family,
        made_by=made_by,
        dataset_sha256=dataset.manifest.content_sha256,
        seconds=time.monotonic() - began,
        right=right,
        confidence=confidence,
        threshold=found.threshold,
    )
    write_atomically(plan.folder / f"{family}.json", msgspec.json.encode(result) + b"\n")
    return result


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
