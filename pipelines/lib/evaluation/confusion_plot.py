import numpy as np

from pipelines.lib.evaluation.drawing import canvas, png_of
from pipelines.lib.evaluation.report import POOLED, EvaluationReport

_DARK = 0.55


def confusion_png(report: EvaluationReport) -> bytes:
    """Draws which pillar is taken for which; a row is what is right, shaded by its share of the row."""
    confusion = report.confusion
    counts = np.array(confusion.counts)
    names = list(confusion.pillars)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    figure = canvas(10.5, 9.2, f"Pillars taken for each other, {POOLED}")
    axes = figure.subplots()
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(names)), names, rotation=40, ha="right", rotation_mode="anchor")
    totals = counts.sum(axis=1)
    axes.set_yticks(
        range(len(names)), [f"{name} ({total})" for name, total in zip(names, totals, strict=True)]
    )
    axes.set(xlabel="answered", ylabel="right (cases)")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, column in zip(*np.nonzero(counts), strict=True):
        colour = "white" if shares[row, column] > _DARK else "#303030"
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=colour, fontsize=9)
    bar = figure.colorbar(image, ax=axes, shrink=0.6, label="share of the row")
    bar.ax.yaxis.set_major_formatter(lambda value, _: f"{value:.0%}")
    return png_of(figure)
