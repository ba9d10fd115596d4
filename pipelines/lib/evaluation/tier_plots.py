from matplotlib.axes import Axes

from pipelines.lib.evaluation.case import UNSEEN
from pipelines.lib.evaluation.drawing import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    canvas,
    intervals,
    lines_axis,
    png_of,
    quiet,
    share_axis,
)
from pipelines.lib.evaluation.report import POOLED, EvaluationReport


def tiers_png(report: EvaluationReport) -> bytes:
    """Draws accuracy and macro-F1 of each tier on both unseen sets."""
    figure = canvas(11, 4.2, f"Each tier alone and together, {report.evaluated.recipe}")
    panels = figure.subplots(1, 2, sharey=True)
    for axes, kind in zip(panels, UNSEEN, strict=True):
        scores = [one for one in report.tiers if one.cases is kind]
        intervals(axes, [one.accuracy for one in scores], colour=BLUE, label="accuracy", shift=-0.12)
        intervals(
            axes, [one.macro_f1 for one in scores], colour=ORANGE, label="macro-F1", shift=0.12, mark="s"
        )
        lines_axis(axes, [one.tier for one in scores])
        share_axis(axes, f"{kind}, {report.evaluated.cases[kind]} cases")
        quiet(axes)
    _asked(panels[0], report)
    figure.legend(*panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return png_of(figure)


def _asked(axes: Axes, report: EvaluationReport) -> None:
    asked = report.bound("heldout_accuracy")
    if asked is not None:
        label = f"asked of the combined answer: {asked:.0%}"
        axes.axvline(asked, color=RED, linestyle="--", linewidth=1, label=label)


def pillars_png(report: EvaluationReport) -> bytes:
    """Draws the accuracy in each pillar over both unseen sets, beside the version in use."""
    (table,) = [one for one in report.groups if one.by == "pillar" and one.cases == POOLED]
    names = [f"{one.title} ({one.accuracy.cases})" for one in table.scores]
    figure = canvas(9.5, 1.6 + 0.36 * len(names), "Accuracy by pillar, held-out families and free form")
    axes = figure.subplots()
    comparison = report.compared.comparison
    shift = 0.0
    if comparison is not None:
        shift = -0.14
        current = {one.name: one.current for one in comparison.pillars}
        intervals(
            axes,
            [current[one.name] for one in table.scores],
            colour=GREY,
            label=f"in use: {comparison.version}",
            shift=0.14,
            mark="s",
        )
    intervals(axes, [one.accuracy for one in table.scores], colour=BLUE, label="this version", shift=shift)
    lines_axis(axes, names)
    share_axis(axes, "accuracy with its interval of 95 %")
    quiet(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return png_of(figure)
