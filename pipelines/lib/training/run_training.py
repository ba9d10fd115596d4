"""From a data set and a recipe to a trained folder: all that is needed to answer, and a report."""

import hashlib
import importlib.metadata
import shutil
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
import torch
from accelerate import Accelerator

from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.name_labels import NEVER_NAMED
from mapper_svc.domain.prompt import PROMPT_VERSION
from pipelines.lib.build_dataset import Manifest
from pipelines.lib.dataset_folder import read_examples, read_manifest
from pipelines.lib.example import Split
from pipelines.lib.read_accepted import read_accepted
from pipelines.lib.scoring.atomic_file import atomic_folder
from pipelines.lib.scoring.base_model import resolve_base, weights_sha256
from pipelines.lib.scoring.character_ngrams import ngram_features
from pipelines.lib.scoring.embedder import Embedder, load_embedder
from pipelines.lib.scoring.label_tokens import (
    LabelTokens,
    Tokenizer,
    save_label_tokens,
)
from pipelines.lib.scoring.one_token_model import OneTokenModel, label_logits, load_tokenizer
from pipelines.lib.scoring.raw_label import encode_prompt
from pipelines.lib.scoring.score import (
    ADAPTER,
    CALIBRATION,
    HEAD,
    LABEL_TOKENS,
    ORIGIN,
    Origin,
    Scorer,
    load_scorer,
)
from pipelines.lib.training.adapt import load_for_training
from pipelines.lib.training.calibrate import TierLogits, fit_calibration, save_calibration
from pipelines.lib.training.checkpoint import TrainingState
from pipelines.lib.training.choose_label_tokens import choose_label_tokens
from pipelines.lib.training.kept_embeddings import kept_embeddings
from pipelines.lib.training.left_out_vendors import HeadAnswers, left_out_vendors
from pipelines.lib.training.loss_plot import loss_png
from pipelines.lib.training.measure import accepted_places
from pipelines.lib.training.mlflow_run import environment, record_run
from pipelines.lib.training.recipe import Recipe
from pipelines.lib.training.tier_report import TierFigures, as_table, tier_figures
from pipelines.lib.training.train import Plan, train
from pipelines.lib.training.train_embedding_head import train_embedding_head
from pipelines.lib.training.training_rows import TrainingRow, encode_rows, rows_of

REPORT = "training.json"
PLOT = "loss.png"
_LIBRARIES = ("torch", "transformers", "peft")


class TrainingReport(msgspec.Struct, frozen=True):
    """What a training did and what came of it.

    Attributes:
        recipe: the recipe as it was run.
        origin: hashes of what went in.
        state: the curve, and how long it took.
        steps: steps of the whole plan.
        resumed_at: the step that the last process went on from; 0 when nothing was interrupted.
        figures: accuracy and calibration of each tier on each set of rows.
        environment: versions and machine.
    """

    recipe: Recipe
    origin: Origin
    state: TrainingState
    steps: int
    resumed_at: int
    figures: tuple[TierFigures, ...]
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class Outcome:
    """A finished training.

    Attributes:
        folder: where everything was written.
        report: what happened.
        mlflow_run: id of the run in MLflow.
    """

    folder: Path
    report: TrainingReport
    mlflow_run: str


def run_training(
    recipe: Recipe, data: Path, out: Path, data_root: Path, say: Callable[[str], None]
) -> Outcome | None:
    """Trains by a recipe on a data set.

    Killed at any time and started again with the same arguments, it goes on from its last checkpoint; the
    folder appears whole at the end.

    Args:
        recipe: how.
        data: folder of one version of the data set.
        out: folder to write; what it held is replaced.
        data_root: folder of the base models, checkpoints and runs.
        say: is told each step.

    Returns:
        What came of it; None in the processes other than the first.

    Raises:
        BaseModelError: weights are missing.
        DatasetFaultError: the data set is missing or broken.
        LabelTokenError: the tokenizer cannot give every label a token.
    """
    manifest = read_manifest(data)
    taxonomy = load_taxonomy(manifest.edition)
    accepted = read_accepted(taxonomy.labels)
    training = rows_of(read_examples(data, Split.TRAIN, ambiguous=False), accepted)
    validation = rows_of(read_examples(data, Split.VALIDATION, ambiguous=False), accepted)
    say(f"{len(training)} rows to learn from, {len(validation)} for validation, {data.name}")
    accelerator = Accelerator(mixed_precision="no")
    with accelerator.main_process_first():
        base = resolve_base(recipe.base, data_root, say)
    embedder = load_embedder()
    tokenizer = load_tokenizer(base)
    tokens = choose_label_tokens(taxonomy, tokenizer)
    vendors = {row.vendor for row in training if row.vendor}
    origin = _origin(recipe, manifest, base, embedder, tokens, vendors, accelerator.num_processes)
    checkpoint = data_root / "checkpoints" / f"{recipe.name}-{origin.run[:16]}"
    model = load_for_training(base, tokens.ids, recipe)
    plan = Plan(
        recipe=recipe,
        run=origin.run,
        training=encode_rows(tokenizer, training, tokens.labels),
        validation=encode_rows(tokenizer, validation, tokens.labels),
        checkpoint=checkpoint,
    )
    trained = train(model, plan, say, accelerator)
    if not accelerator.is_main_process:
        return None
    say(f"trained in {trained.state.seconds:.0f} s, best at step {trained.state.best_step}")
    with atomic_folder(out) as draft:
        _write_adapter(draft, model, tokens, recipe)
        foreign = tuple(row for row in validation if row.foreign)
        embedded = kept_embeddings([row.raw for row in (*training, *foreign)], embedder, data_root, say)
        rows, labels, seed = embedded[: len(training)], tokens.labels, recipe.seed
        of, sizes = embedder.sha256, embedder.sizes
        pieces = ngram_features([row.raw for row in training])
        head = train_embedding_head(
            training, rows, pieces, labels, sizes=sizes, embedder_sha256=of, seed=seed, say=say
        )
        head.save(draft / HEAD)
        strange = HeadAnswers(foreign, head.logits([row.raw for row in foreign], embedded[len(training) :]))
        left_out = left_out_vendors(
            training, rows, pieces, labels, sizes=sizes, embedder_sha256=of, seed=seed, say=say
        )
        _write_calibration(draft, model, tokenizer, tokens, strange, left_out)
        (draft / ORIGIN).write_bytes(_json(origin))
        say("loading what was written and scoring it")
        scorer = load_scorer(draft, base, taxonomy, embedder)
        figures = _figures(scorer, _sets(validation))
        report = TrainingReport(
            recipe, origin, trained.state, trained.steps, trained.resumed_at, figures, environment()
        )
        (draft / REPORT).write_bytes(_json(report))
        (draft / PLOT).write_bytes(loss_png(recipe.name, trained.state.curve, trained.state.best_step))
        run = record_run(data_root, recipe, msgspec.to_builtins(origin), trained.state, figures, draft)
    shutil.rmtree(checkpoint, ignore_errors=True)
    say(f"written to {out}, MLflow run {run}\n\n{as_table(figures)}\n")
    return Outcome(out, report, run)


def _origin(
    recipe: Recipe,
    manifest: Manifest,
    base: Path,
    embedder: Embedder,
    tokens: LabelTokens,
    vendors: AbstractSet[str],
    processes: int,
) -> Origin:
    base_sha256 = weights_sha256(base)
    decides = {
        "recipe": msgspec.to_builtins(recipe),
        "base": base_sha256,
        "dataset": manifest.content_sha256,
        "label_tokens": tokens.sha256,
        "prompt": PROMPT_VERSION,
        "processes": processes,
        "libraries": {name: importlib.metadata.version(name) for name in _LIBRARIES},
    }
    return Origin(
        recipe=recipe.name,
        base=recipe.base,
        base_sha256=base_sha256,
        embedder_sha256=embedder.sha256,
        dtype=recipe.dtype,
        prompt=PROMPT_VERSION,
        edition=manifest.edition,
        taxonomy_sha256=manifest.taxonomy_sha256,
        dataset_sha256=manifest.content_sha256,
        run=hashlib.sha256(msgspec.json.encode(decides, order="sorted")).hexdigest(),
        vendors=tuple(sorted(vendors)),
    )


def _write_adapter(folder: Path, model: OneTokenModel, tokens: LabelTokens, recipe: Recipe) -> None:
    model.causal_lm.peft_config["default"].base_model_name_or_path = recipe.base
    model.causal_lm.save_pretrained(folder / ADAPTER, save_embedding_layers=False)
    (folder / ADAPTER / "README.md").unlink(missing_ok=True)
    save_label_tokens(tokens, folder / LABEL_TOKENS)


def _write_calibration(
    folder: Path,
    model: OneTokenModel,
    tokenizer: Tokenizer,
    tokens: LabelTokens,
    strange: HeadAnswers,
    left_out: HeadAnswers,
) -> None:
    # Temperatures and weight are fitted on what will answer: the merged model, in the base's number format,
    # and on labels of strange hands: on those that training's authors wrote, a model is more at home.
    merged = OneTokenModel(model.causal_lm.merge_and_unload(), tokens.ids).to(torch.device("cpu"))
    merged.eval()

    def both_tiers(asked: HeadAnswers) -> TierLogits:
        # Without the vendor, as a vendor that was not trained on is asked for.
        prompts = [encode_prompt(tokenizer, row.raw) for row in asked.rows]
        accepted = accepted_places([row.accepted for row in asked.rows], tokens.labels)
        return TierLogits(label_logits(merged, prompts).numpy(), asked.logits, accepted)

    nameable = np.array([label not in NEVER_NAMED for label in tokens.labels])
    calibration = fit_calibration(
        both_tiers(strange), nameable, both_tiers(left_out) if left_out.rows else None
    )
    save_calibration(calibration, folder / CALIBRATION)


def _sets(validation: Sequence[TrainingRow]) -> Mapping[str, Sequence[TrainingRow]]:
    """Returns the rows of validation by kind; what is held out is for the evaluation alone."""
    return {
        "validation vendors": _as_unknown([row for row in validation if row.vendor]),
        "validation free form": [row for row in validation if row.foreign and not row.vendor],
        "validation phrasings": [row for row in validation if not row.foreign],
    }


def _as_unknown(rows: Sequence[TrainingRow]) -> list[TrainingRow]:
    """Returns rows without their vendor, as a vendor that was not trained on is asked for."""
    return [TrainingRow(raw=row.raw, label=row.label, also=row.also, group=row.group) for row in rows]


def _figures(scorer: Scorer, sets: Mapping[str, Sequence[TrainingRow]]) -> tuple[TierFigures, ...]:
    return tuple(
        figures
        for name, rows in sets.items()
        if rows
        for figures in tier_figures(name, rows, scorer.logits(rows), scorer.labels, scorer.calibration)
    )


def _json(value: object) -> bytes:
    return msgspec.json.format(msgspec.json.encode(value), indent=1) + b"\n"
