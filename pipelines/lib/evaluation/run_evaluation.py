"""From a trained folder and a data set to its report, written into the folder."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
from mlflow import MlflowClient
from numpy.typing import NDArray

from mapper_svc.adapters.vendor_files import load_vendors
from mapper_svc.domain.taxonomy import Taxonomy
from pipelines.lib.dataset_folder import read_examples, read_manifest
from pipelines.lib.evaluation.answers import Answers
from pipelines.lib.evaluation.assemble import COMBINED, Measured, VersionInUse, assemble_report
from pipelines.lib.evaluation.case import UNSEEN, Case, CaseSet
from pipelines.lib.evaluation.gate_figures import FIGURES
from pipelines.lib.evaluation.gates import load_gates
from pipelines.lib.evaluation.golden_score import score_golden
from pipelines.lib.evaluation.kin import has_kin
from pipelines.lib.evaluation.mlflow_log import log_evaluation
from pipelines.lib.evaluation.plots import draw_plots
from pipelines.lib.evaluation.read_cases import FREE_FORM_DIR, read_cases
from pipelines.lib.evaluation.report import REPORT, Evaluated, EvaluationReport
from pipelines.lib.evaluation.rule_answers import rule_answers, similarity_answers, table_answers
from pipelines.lib.evaluation.trained_version import (
    TrainedVersion,
    combined_answers,
    load_version,
    read_origin,
)
from pipelines.lib.evaluation.valid_answers import valid_answers
from pipelines.lib.evaluation.variants import VARIANTS
from pipelines.lib.example import Source, Split
from pipelines.lib.mlflow_store import EXPERIMENT, tracking_uri
from pipelines.lib.scoring.atomic_file import write_atomically
from pipelines.lib.scoring.model_input_error import ModelInputError
from pipelines.lib.scoring.score import MismatchError
from pipelines.lib.training.mlflow_run import environment

_RESPELLED = 300
"""Labels that each other spelling is tried on: an interval of about five points, in a minute."""


def run_evaluation(
    folder: Path, data: Path, data_root: Path, in_use: Path | None, say: Callable[[str], None]
) -> EvaluationReport:
    """Measures a trained version, and writes `evaluation.json` and the plots beside it.

    Args:
        folder: the trained folder.
        data: folder of one version of the data set; its held-out and validation rows are the cases.
        data_root: folder of the base models and of the runs.
        in_use: folder of the version in use, to compare with; None when there is none.
        say: is told each step.

    Returns:
        The report, which says whether every gate is passed.

    Raises:
        ModelInputError: the version cannot be loaded.
        DatasetFaultError: the data set is missing or broken.
        DataFaultError: the free-form set or the list of gates breaks its schema.
    """
    gates = load_gates(tuple(FIGURES))
    cases = read_cases(data)
    say(f"loading {folder}")
    version = load_version(folder, data_root)
    report = assemble_report(_measure(version, cases, data, in_use, data_root, say), gates)
    plots = draw_plots(report)
    write_atomically(folder / REPORT, msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n")
    for name, png in plots.items():
        write_atomically(folder / name, png)
    say(f"written to {folder / REPORT}")
    client = MlflowClient(tracking_uri(data_root))
    run = log_evaluation(client, EXPERIMENT, folder, report, plots)
    say(
        f"logged to the MLflow run {run}" if run else "MLflow knows no run of this training: not logged there"
    )
    return report


def _measure(
    version: TrainedVersion,
    cases: Sequence[Case],
    data: Path,
    in_use: Path | None,
    data_root: Path,
    say: Callable[[str], None],
) -> Measured:
    unseen = [case for case in cases if case.cases in UNSEEN]
    say(f"scoring {len(cases)} cases, {len(unseen)} of them unseen")
    found = version.distributions(cases)
    # The sets come in the order of the cases, the unseen ones first.
    plain = found[COMBINED][: len(unseen)]
    asked = [*found.values(), version.odd_labels()]
    variants = {}
    for variant in VARIANTS:
        say(f"scoring the unseen cases in {variant}")
        changed, differs = version.spelled_otherwise(unseen, variant, plain, _RESPELLED)
        asked.append(changed[differs])
        variants[variant] = (Answers.of_distributions(changed), differs)
    labels = version.scorer.labels
    valid = [valid_answers(distributions, labels, version.taxonomy) for distributions in asked]
    say("timing one label after another, then scoring the golden set")
    latency = version.latency(unseen)
    return Measured(
        evaluated=_evaluated(version, cases, data),
        cases=cases,
        labels=labels,
        pillars=pillar_titles(version.taxonomy),
        tiers=_tiers(version, cases, found, data),
        variants=variants,
        valid=np.concatenate(valid),
        latency=latency,
        golden=score_golden(version.taxonomy.edition, version.sure_labels),
        kin=has_kin([case.raw for case in cases], (one.raw for one in read_examples(data, Split.TRAIN))),
        in_use=_ask_version_in_use(in_use, version, unseen, data_root, say),
        environment=environment(),
    )


def pillar_titles(taxonomy: Taxonomy) -> dict[str, str]:
    """Returns what the taxonomy calls its pillars, in the order of the edition."""
    return {
        pillar: taxonomy.groups[pillar]
        for pillar in dict.fromkeys(one.pillar for one in taxonomy.labels.values())
    }


def _evaluated(version: TrainedVersion, cases: Sequence[Case], data: Path) -> Evaluated:
    origin = version.origin
    heldout = {case.vendor for case in cases if case.cases is CaseSet.HELDOUT}
    counted = Counter(case.cases for case in cases)
    return Evaluated(
        recipe=origin.recipe,
        run=origin.run,
        edition=origin.edition,
        dataset_sha256=read_manifest(data).content_sha256,
        trained_on_sha256=origin.dataset_sha256,
        free_form_sha256=_sha256_of(FREE_FORM_DIR),
        cases={str(kind): counted[kind] for kind in CaseSet},
        threshold=version.threshold,
        held_out_seen=tuple(sorted(heldout & set(origin.vendors))),
    )


def _sha256_of(folder: Path) -> str:
    digest = hashlib.sha256()
    for path in sorted(folder.glob("*.jsonl")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _tiers(
    version: TrainedVersion, cases: Sequence[Case], found: Mapping[str, NDArray[np.float64]], data: Path
) -> dict[str, Answers]:
    raws = [case.raw for case in cases]
    taxonomy, labels = version.taxonomy, version.scorer.labels
    learnt = {
        one.vendor for one in read_examples(data, Split.TRAIN, opaque=True) if one.source is Source.VENDOR
    }
    vendors = [vendor for vendor in load_vendors(taxonomy) if vendor.id in learnt]
    answers = {name: Answers.of_distributions(one) for name, one in found.items()}
    rule = rule_answers(raws, labels, taxonomy, vendors)
    similarity = similarity_answers(raws, labels, taxonomy, vendors)
    sure = answers[COMBINED].above(version.threshold, labels)
    return {
        "rule": rule,
        "table of others": table_answers(raws, labels, vendors),
        "similarity": similarity,
        **answers,
        "mapper": rule.or_else(sure),
    }


def _ask_version_in_use(
    folder: Path | None,
    candidate: TrainedVersion,
    unseen: Sequence[Case],
    data_root: Path,
    say: Callable[[str], None],
) -> VersionInUse | None:
    if folder is None:
        return None
    say(f"asking the version in use, {folder}")
    try:
        name = f"{read_origin(folder).recipe} {read_origin(folder).run[:8]}"
    except ModelInputError as error:
        return VersionInUse(folder.name, None, str(error))
    if read_origin(folder).run == candidate.origin.run:
        name += " (the same training)"
    try:
        answers = _answers_in_order(folder, candidate, unseen, data_root)
        return VersionInUse(name, answers, learnt=frozenset(read_origin(folder).vendors))
    except ModelInputError as error:
        return VersionInUse(name, None, str(error))


def _answers_in_order(
    folder: Path, candidate: TrainedVersion, unseen: Sequence[Case], data_root: Path
) -> Answers:
    current = load_version(folder, data_root)
    if set(current.scorer.labels) != set(candidate.scorer.labels):
        raise MismatchError(f"it answers in edition {current.origin.edition}, not {candidate.origin.edition}")
    answers = combined_answers(current, unseen)
    return Answers.of_labels([current.scorer.labels[at] for at in answers.places], candidate.scorer.labels)
