from pipelines.lib.evaluation.drawing import (
    BLUE,
    GREY,
    ORANGE,
    canvas,
    intervals,
    lines_axis,
    png_of,
    quiet,
    share_axis,
)
from pipelines.lib.evaluation.folds import FoldsReport

FOLDS_PLOT = "folds.png"
"""File name of the plot beside the pooled figures."""


def folds_png(report: FoldsReport) -> bytes:
    """Draws the accuracy on each family that was left out, the largest first, and over all."""
    best = report.pooled[-1]
    families = sorted(report.families, key=lambda one: (-one.accuracy[best.tier].cases, one.family))
    names = [f"{one.family} ({one.accuracy[best.tier].cases})" for one in families]
    figure = canvas(9, 1.8 + 0.27 * len(names), f"Each vendor family left out in turn, {report.recipe}")
    axes = figure.subplots()
    intervals(axes, [one.accuracy[best.tier] for one in families], colour=BLUE, label=best.tier)
    axes.axvline(
        best.accuracy.value, color=GREY, linestyle="--", label=f"all cases {best.accuracy.value:.1%}"
    )
    axes.axvline(
        best.by_family.value,
        color=ORANGE,
        linestyle=":",
        label=f"mean of families {best.by_family.value:.1%}",
    )
    lines_axis(axes, names)
    share_axis(axes, f"accuracy of {best.tier} on a family it was not trained on")
    quiet(axes)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return png_of(figure)
