"""MODEL_CARD.md: what a version is, told from its own files."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from pipelines.lib.build_dataset import Manifest
from pipelines.lib.evaluation.folds import FOLDS, FoldsReport
from pipelines.lib.evaluation.report import REPORT, EvaluationReport
from pipelines.lib.evaluation.text_report import as_text, folds_table
from pipelines.lib.release.release_error import ReleaseError
from pipelines.lib.scoring.trained_folder import CALIBRATION, ORIGIN, Origin

FILE = "MODEL_CARD.md"
_TRAINING = "training.json"


class _Curve(msgspec.Struct, frozen=True):
    seconds: float
    best_step: int


class _Training(msgspec.Struct, frozen=True):
    """What the card tells of `training.json`."""

    recipe: dict[str, Any]
    state: _Curve
    steps: int
    environment: dict[str, str]


def model_card(release: Path, version: str, manifest: Manifest | None) -> str:
    """Returns the card of a release.

    Args:
        release: the release folder, evaluated.
        version: the release's id.
        manifest: of the data set that it was trained on; None when that is not here any more.

    Raises:
        ReleaseError: a file is missing or broken, or the evaluation is of another training.
    """
    try:
        origin = msgspec.json.decode((release / ORIGIN).read_bytes(), type=Origin)
        report = msgspec.json.decode((release / REPORT).read_bytes(), type=EvaluationReport)
        training = msgspec.json.decode((release / _TRAINING).read_bytes(), type=_Training)
        calibration = msgspec.json.decode((release / CALIBRATION).read_bytes(), type=dict[str, float | None])
    except (OSError, msgspec.DecodeError) as error:
        raise ReleaseError(f"{release} cannot be described: {error}") from error
    folds = _read_folds(release / FOLDS)
    if report.evaluated.run != origin.run:
        raise ReleaseError(
            f"{release}: the evaluation is of the training {report.evaluated.run[:8]}, not {origin.run[:8]}"
        )
    parts = (
        _what(origin, version, calibration),
        _data(origin, report, manifest),
        _figures(report),
        _folds(folds),
        _limits(report),
        _how(origin, training),
    )
    return "\n\n".join("\n".join(part) for part in parts) + "\n"


def _what(origin: Origin, version: str, calibration: Mapping[str, float | None]) -> Iterator[str]:
    threshold = calibration["threshold"]
    yield f"# llama-mapper {origin.recipe}, release {version}"
    yield ""
    yield (
        "Maps the raw label of any AI-safety, PII, secrets or prompt-attack detector to one label of the "
        f"canonical taxonomy, edition {origin.edition}, with a calibrated probability for each label."
    )
    yield ""
    yield (
        "One forward pass of a LoRA-tuned language model, in which each canonical label owns one token of "
        "the vocabulary, combined with a linear model over two embeddings and pieces of words. Nothing "
        "is generated, so every answer is a label of the edition."
    )
    yield ""
    if threshold is None:
        yield "- Threshold: none. No confidence was precise enough on validation: it gives guesses only."
    else:
        yield f"- Threshold: {threshold:.3f}. Under it the mapper does not rely on the answer."
    yield f"- Base model: `{origin.base}`, SHA-256 `{origin.base_sha256}`, not part of the release"
    yield (
        f"- Embedders: MiniLM-L6-v2 and multilingual-e5-small (4 bits), SHA-256 over both "
        f"`{origin.embedder_sha256}`, not part of the release"
    )
    yield "- Licence: Apache-2.0, as the base model and MiniLM; e5 is under MIT"


def _data(origin: Origin, report: EvaluationReport, manifest: Manifest | None) -> Iterator[str]:
    yield "## Data"
    yield ""
    yield f"Data set SHA-256 `{origin.dataset_sha256}`, split by family of vendors and of phrasings."
    if manifest is not None:
        rows = manifest.counts["split source"]
        yield ""
        yield "| rows | number |"
        yield "|---|---:|"
        yield from (f"| {name} | {number} |" for name, number in rows.items())
        licences = ", ".join(manifest.counts["licence"])
        yield ""
        yield f"{len(manifest.counts['lang'])} languages; licences: {licences}."
    yield ""
    yield f"Vendors that it was trained on ({len(origin.vendors)}): {', '.join(origin.vendors) or 'none'}."
    yield ""
    seen = report.evaluated.held_out_seen
    if seen:
        yield (
            f"**It has seen held-out families** ({', '.join(seen)}): the figures on held-out families below "
            "say nothing about detectors that it has never seen."
        )
    else:
        yield "It has seen no held-out family: its figures on them are about detectors new to it."


def _figures(report: EvaluationReport) -> Iterator[str]:
    yield "## Figures"
    yield ""
    yield (
        "Intervals are of 95 %. Nothing was fitted on held-out families and on the free-form set: the "
        "calibration and the best step are of the validation sets, the threshold of those and of vendors of "
        "the training, asked of heads that their families were left out of. What reports of earlier versions "
        "on the same sets told their authors is in docs/guides/evaluating-models.md, under three draws."
    )
    yield ""
    yield as_text(report)


def _read_folds(path: Path) -> FoldsReport | None:
    if not path.is_file():
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=FoldsReport)
    except msgspec.DecodeError as error:
        raise ReleaseError(f"{path} holds no figures of folds: {error}") from error


def _folds(report: FoldsReport | None) -> Iterator[str]:
    yield "## Every vendor family left out in turn"
    yield ""
    if report is None:
        yield "Not measured for this release: `python -m pipelines evaluate-folds` does, in hours."
    else:
        yield "The recipe trained anew without each family and asked about that family; the models of these"
        yield "trainings are not this one."
        yield ""
        yield folds_table(report)


def _limits(report: EvaluationReport) -> Iterator[str]:
    failed = [gate.name for gate in report.gates if not gate.passed]
    yield "## Limits"
    yield ""
    if failed:
        yield f"- **It does not pass its gates: {', '.join(failed)}.** It cannot be approved."
    yield "- It reads labels, never the text behind them: a false alarm looks like a finding to it."
    yield "- Opaque codes (`S10`, `LABEL_1`) mean nothing without the vendor's table, which the rules have."
    yield "- A vendor that it was not trained on is shown to it as no vendor."
    yield "- Labels of more than 200 characters are not for it."
    yield (
        "- MiniLM reads English; other languages rest on multilingual-e5-small and on pieces of words. "
        "Figures by language are above."
    )
    yield "- Another edition of the taxonomy, base model, embedder or prompt: it refuses to load."


def _how(origin: Origin, training: _Training) -> Iterator[str]:
    yield "## How it was made"
    yield ""
    yield "```"
    yield "python -m pipelines dataset"
    yield f"python -m pipelines train --recipe {origin.recipe}"
    yield f"python -m pipelines evaluate --recipe {origin.recipe}"
    yield f"python -m pipelines register --recipe {origin.recipe}"
    yield "```"
    yield ""
    state = training.state
    yield f"{training.steps} steps in {state.seconds:.0f} s, best at step {state.best_step}."
    yield ""
    yield "| setting | value |"
    yield "|---|---|"
    yield from (f"| {key} | {value} |" for key, value in _flat(training.recipe))
    yield from (f"| {key} | {value} |" for key, value in sorted(training.environment.items()))
    yield f"| training | `{origin.run}` |"


def _flat(value: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, one in value.items():
        if isinstance(one, Mapping):
            yield from _flat(one, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", ", ".join(map(str, one)) if isinstance(one, list) else str(one)
