"""The figures that gates may bound, from a report."""

from collections.abc import Callable, Mapping

from pipelines.lib.evaluation.abstention import AtThreshold
from pipelines.lib.evaluation.case import CaseSet
from pipelines.lib.evaluation.figure import Figure
from pipelines.lib.evaluation.gates import Found
from pipelines.lib.evaluation.report import POOLED, EvaluationReport


def _valid(report: EvaluationReport) -> Found:
    return Found(report.valid.value, f"of {report.valid.cases} answers")


def _golden(report: EvaluationReport) -> Found:
    accuracy = report.golden.accuracy
    return Found(None, report.golden.note) if accuracy is None else Found(accuracy.value, _of(accuracy))


def _held_out(report: EvaluationReport) -> Found:
    seen = report.evaluated.held_out_seen
    if seen:
        return Found(None, f"the version was trained on held-out vendors: {', '.join(seen)}")
    accuracy = report.accuracy(CaseSet.HELDOUT)
    return Found(None, "there is no case") if accuracy is None else Found(accuracy.value, _of(accuracy))


def _ece(report: EvaluationReport) -> Found:
    score = report.calibration[POOLED]
    return Found(score.ece, f"{score.cases} cases, {score.expected_by_chance:.3f} by chance alone")


def _at_threshold(
    report: EvaluationReport, figure: Callable[[AtThreshold], Figure | None], without: str
) -> Found:
    found = report.at_threshold.get(CaseSet.HELDOUT)
    if found is None:
        return Found(None, "the version has no threshold")
    value = figure(found)
    return Found(None, without) if value is None else Found(value.value, _of(value))


def _precision(report: EvaluationReport) -> Found:
    return _at_threshold(report, lambda found: found.precision, "no answer is above the threshold")


def _coverage(report: EvaluationReport) -> Found:
    return _at_threshold(report, lambda found: found.coverage, "there is no case")


def _pillars_worse(report: EvaluationReport) -> Found:
    compared = report.compared
    if compared.faulty:
        return Found(None, compared.note)
    if compared.comparison is None:
        return Found(0, compared.note)
    worse = [pillar.title for pillar in compared.comparison.pillars if pillar.worse]
    return Found(len(worse), ", ".join(worse) or f"against {compared.comparison.version}")


def _p95(report: EvaluationReport) -> Found:
    return Found(report.latency.p95, f"{report.latency.labels} labels on {report.latency.machine}")


def _of(figure: Figure) -> str:
    return f"{figure.low:.3f} to {figure.high:.3f}, {figure.cases} cases"


FIGURES: Mapping[str, Callable[[EvaluationReport], Found]] = {
    "schema_valid": _valid,
    "golden_accuracy": _golden,
    "heldout_accuracy": _held_out,
    "ece": _ece,
    "precision_above_threshold": _precision,
    "coverage_above_threshold": _coverage,
    "pillars_worse": _pillars_worse,
    "latency_p95_ms": _p95,
}
"""How each figure is read from a report, by name."""


def gate_figures(report: EvaluationReport) -> dict[str, Found]:
    """Returns every figure that gates may bound."""
    return {name: read(report) for name, read in FIGURES.items()}
