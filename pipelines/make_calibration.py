"""From people's judgements to the severities that analysis_svc may use, by the settings of this machine."""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analysis_svc.adapters.catalogue_files import load_catalogue
from pipelines.lib.retention.service_database import ServiceDatabase, tenant_ids
from pipelines.lib.severity.calibrate import Trial, calibrate
from pipelines.lib.severity.judged import Judged, profanity_scores, read_corpus, read_feedback
from pipelines.lib.severity.release import register_release, write_release
from pipelines.retention_settings import RetentionSettings
from pipelines.settings import Settings

CORPUS = "PIPELINES_SEVERITY_CORPUS"
"""Names the CSV of texts with human severities; without it feedback alone is learned from."""


@dataclass(frozen=True, slots=True)
class Made:
    """Every trial, the released file and its version in MLflow; None where nothing passed."""

    trials: list[Trial]
    file: Path | None
    version: str | None


def make_calibration(
    settings: Settings, databases: RetentionSettings, say: Callable[[str], None], *, register: bool = True
) -> Made:
    """Learn, hold to the formula, and release what beats it.

    Args:
        settings: where to write, and the taxonomy's edition.
        databases: where feedback is; without the analysis' database none is read.
        say: is told each step.
        register: whether a release becomes a version in MLflow.
    """
    judged: list[Judged] = []
    if corpus := os.environ.get(CORPUS, "").strip():
        judged += read_corpus(Path(corpus), profanity_scores)
        say(f"{len(judged)} findings of the corpus")
    if databases.analysis_database_url and databases.orchestration_database_url:
        with ServiceDatabase("orchestration", databases.url("orchestration")) as orchestration:
            tenants = tenant_ids(orchestration)
        with ServiceDatabase("analysis", databases.url("analysis")) as analysis:
            words = list(read_feedback(analysis, tenants))
        say(f"{len(words)} findings of feedback")
        judged += words
    labels = load_catalogue(settings.edition).taxonomy.labels
    trials = calibrate(judged, {label.name: label.severity for label in labels.values()})
    file = write_release(Path(settings.data_root) / "severity", trials)
    if file is None:
        say("nothing beats the formula: it holds alone")
        return Made(trials, None, None)
    version = register_release(file, Path(settings.data_root), trials) if register else None
    say(f"{file} beats the formula for {sum(bool(trial.values) for trial in trials)} detectors and labels")
    return Made(trials, file, version)
