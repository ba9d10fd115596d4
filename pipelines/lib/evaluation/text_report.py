"""The report as text for a terminal and for Dagster: Markdown tables."""

from collections.abc import Iterator

from pipelines.lib.evaluation.figure import Figure
from pipelines.lib.evaluation.folds import FoldsReport
from pipelines.lib.evaluation.report import POOLED, EvaluationReport
from pipelines.lib.evaluation.tier_scores import GroupScore


def as_text(report: EvaluationReport) -> str:
    """Returns the figures that a person looks for first."""
    parts = (_head(report), tiers_table(report), _calibration(report), _comparison(report), _rest(report))
    return "\n\n".join(parts) + f"\n\n{gates_table(report)}"


def tiers_table(report: EvaluationReport) -> str:
    """Returns each tier alone and together on each set."""
    lines = [
        "| cases | tier | n | accuracy | macro-F1 | mean by vendor | coverage | precision |",
        "|---|---|---:|---|---|---|---:|---:|",
    ]
    lines += [
        f"| {one.cases} | {one.tier} | {one.accuracy.cases} | {one.accuracy} | {one.macro_f1} "
        f"| {one.by_vendor} | {one.coverage.value:.1%} | {_value(one.precision)} |"
        for one in report.tiers
    ]
    lines += [
        "",
        f"Held-out families, counting the label of the vendor's table alone: {report.heldout_by_table}.",
    ]
    if report.without_kin:
        without = ", ".join(f"{name} {one} of {one.cases}" for name, one in report.without_kin.items())
        learnt = "labels whose word stems, in any order, are those of a row that was learnt"
        lines.append(f"Without {learnt}: {without}.")
    return "\n".join(lines)


def gates_table(report: EvaluationReport) -> str:
    """Returns what came of each gate."""
    lines = ["| gate | | asked | found |", "|---|---|---|---|"]
    lines += [
        f"| {one.name} | {'passed' if one.passed else 'FAILED'} | {one.required} | {one.found} |"
        for one in report.gates
    ]
    return "\n".join(lines)


def groups_table(scores: tuple[GroupScore, ...], by: str) -> str:
    """Returns the accuracy of each group."""
    lines = [f"| {by} | n | accuracy |", "|---|---:|---|"]
    lines += [f"| {one.title} | {one.accuracy.cases} | {one.accuracy} |" for one in scores]
    return "\n".join(lines)


def folds_table(report: FoldsReport) -> str:
    """Returns each tier over all folds."""
    together = "" if report.at_once == 1 else f", {report.at_once} at a time"
    alone = "; the embedding head alone was trained" if report.tiers_trained == "head" else ""
    what = f"{report.cases} cases, {report.recipe}, {report.edition}{alone}"
    lines = [
        f"{report.folds} families left out in turn{together}, {what}",
        "",
        "| tier | all cases | by resampling families | mean of families | ECE |",
        "|---|---|---|---|---:|",
    ]
    lines += [
        f"| {one.tier} | {one.accuracy} | [{one.pooled_by_family.low:.1%}, {one.pooled_by_family.high:.1%}] "
        f"| {one.by_family} | {'-' if one.ece is None else f'{one.ece:.3f}'} |"
        for one in report.pooled
    ]
    if report.coverage_above_threshold is not None:
        lines += [
            "",
            f"Above the threshold of their fold: {report.coverage_above_threshold} of the cases.",
            f"Right of those: {_figure(report.precision_above_threshold)}.",
        ]
    return "\n".join(lines)


def _head(report: EvaluationReport) -> str:
    evaluated = report.evaluated
    seen = ", ".join(evaluated.held_out_seen)
    lines = [f"{evaluated.recipe}, training {evaluated.run[:8]}, edition {evaluated.edition}"]
    if seen:
        lines.append(f"It was trained on held-out vendors ({seen}): figures on them are void.")
    if evaluated.dataset_sha256 != evaluated.trained_on_sha256:
        lines.append("It was trained on another version of the data set than the cases are from.")
    return "\n".join(lines)


def _calibration(report: EvaluationReport) -> str:
    lines = [
        "| cases | n | ECE | by chance alone | above the threshold | right of those |",
        "|---|---:|---:|---:|---|---|",
    ]
    for name, score in report.calibration.items():
        found = report.at_threshold.get(name)
        coverage, precision = (found.coverage, found.precision) if found else (None, None)
        lines.append(
            f"| {name} | {score.cases} | {score.ece:.3f} | {score.expected_by_chance:.3f} "
            f"| {_figure(coverage)} | {_figure(precision)} |"
        )
    return "\n".join(lines)


def _comparison(report: EvaluationReport) -> str:
    comparison = report.compared.comparison
    if comparison is None:
        return f"Compared with the version in use: {report.compared.note}."
    lines = [
        f"Compared with {report.compared.note}:",
        "",
        "| pillar | n | this version | in use | gained | lost | p |",
        "|---|---:|---|---|---:|---:|---:|",
    ]
    lines += [
        f"| {one.title}{' (worse)' if one.worse else ''} | {one.candidate.cases} | {one.candidate} "
        f"| {one.current} | {one.gained} | {one.lost} | {one.p:.3f} |"
        for one in (comparison.overall, *comparison.pillars)
    ]
    return "\n".join(lines)


def _rest(report: EvaluationReport) -> str:
    tables = [
        groups_table(one.scores, f"{one.by}, {one.cases}")
        for one in report.groups
        if one.cases == POOLED or one.by in {"family", "language"}
    ]
    return "\n\n".join([*tables, "\n".join(_robustness(report)), _speed(report)])


def _robustness(report: EvaluationReport) -> Iterator[str]:
    yield "| spelling | n | as written | changed | still right |"
    yield "|---|---:|---|---|---|"
    for one in report.robustness:
        yield (f"| {one.variant} | {one.changed.cases} | {one.plain} | {one.changed} | {_figure(one.kept)} |")


def _speed(report: EvaluationReport) -> str:
    latency = report.latency
    return f"One label takes {latency.p50:.0f} ms, p95 {latency.p95:.0f} ms ({latency.machine})."


def _figure(figure: Figure | None) -> str:
    return "-" if figure is None else str(figure)


def _value(figure: Figure | None) -> str:
    return "-" if figure is None else f"{figure.value:.1%}"
