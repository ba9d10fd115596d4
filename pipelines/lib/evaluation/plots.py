from collections.abc import Callable, Mapping

from pipelines.lib.evaluation.calibration_plots import abstention_png, reliability_png
from pipelines.lib.evaluation.confusion_plot import confusion_png
from pipelines.lib.evaluation.report import EvaluationReport
from pipelines.lib.evaluation.robustness_plot import robustness_png
from pipelines.lib.evaluation.tier_plots import pillars_png, tiers_png

PLOTS: Mapping[str, Callable[[EvaluationReport], bytes]] = {
    "evaluation_tiers.png": tiers_png,
    "evaluation_pillars.png": pillars_png,
    "evaluation_reliability.png": reliability_png,
    "evaluation_abstention.png": abstention_png,
    "evaluation_confusion.png": confusion_png,
    "evaluation_robustness.png": robustness_png,
}
"""How each plot is drawn, by the name of its file in the trained folder."""


def draw_plots(report: EvaluationReport) -> dict[str, bytes]:
    """Returns every plot as PNG by file name."""
    return {name: draw(report) for name, draw in PLOTS.items()}
