from pipelines.lib.evaluation.case import CaseSet
from pipelines.lib.evaluation.drawing import BLUE, GREEN, GREY, ORANGE, RED, canvas, png_of, quiet
from pipelines.lib.evaluation.report import POOLED, EvaluationReport

_COLOURS = {CaseSet.HELDOUT.value: BLUE, CaseSet.FREE_FORM.value: ORANGE, POOLED: GREY, "validation": GREEN}


def reliability_png(report: EvaluationReport) -> bytes:
    """Draws accuracy against confidence in bins of equal mass."""
    score = report.calibration[POOLED]
    figure = canvas(7, 6.4, f"Reliability over {POOLED}")
    axes = figure.subplots()
    confidence = [one.confidence for one in score.bins]
    accuracy = [one.accuracy for one in score.bins]
    axes.plot([0, 1], [0, 1], color=GREY, linestyle="--", linewidth=1, label="as sure as right")
    axes.errorbar(
        confidence,
        [one.value for one in accuracy],
        yerr=[
            [max(0.0, one.value - one.low) for one in accuracy],
            [max(0.0, one.high - one.value) for one in accuracy],
        ],
        fmt="o-",
        color=BLUE,
        capsize=3,
        linewidth=1.3,
        label=f"{len(score.bins)} bins of about {score.cases // max(1, len(score.bins))} cases",
    )
    threshold = report.evaluated.threshold
    if threshold is not None:
        axes.axvline(threshold, color=RED, linestyle=":", label=f"threshold {threshold:.3f}")
    axes.set(
        xlabel="mean confidence",
        ylabel="share that is right",
        xlim=(-0.02, 1.02),
        ylim=(-0.02, 1.02),
        title=f"ECE {score.ece:.3f}; by chance alone {score.expected_by_chance:.3f}, "
        f"in 95 of 100 under {score.chance_high:.3f}",
    )
    axes.title.set_fontsize(10)
    quiet(axes)
    axes.legend(loc="upper left", frameon=False)
    return png_of(figure)


def abstention_png(report: EvaluationReport) -> bytes:
    """Draws precision against coverage as the threshold falls, with the version's own threshold."""
    figure = canvas(8.5, 5.6, "Answering only when sure: coverage against precision")
    axes = figure.subplots()
    lowest = 1.0
    for name, colour in _COLOURS.items():
        curve = report.abstention.get(name, ())
        if not curve:
            continue
        # A handful of surest answers makes the left end jump; it says nothing.
        settled = [one for one in curve if one.coverage >= 0.02] or list(curve)  # noqa: PLR2004
        lowest = min(lowest, *(one.precision for one in settled))
        axes.plot(
            [one.coverage for one in settled],
            [one.precision for one in settled],
            color=colour,
            linewidth=1.2 if name == POOLED else 1.7,
            linestyle="--" if name in {POOLED, "validation"} else "-",
            label=name,
        )
        found = report.at_threshold.get(name)
        if found is not None and found.precision is not None:
            axes.plot(found.coverage.value, found.precision.value, "o", color=colour, markersize=7)
    precision, coverage = (report.bound(f"{name}_above_threshold") for name in ("precision", "coverage"))
    if precision is not None and coverage is not None:
        axes.axhline(precision, color=RED, linewidth=0.8, linestyle=":")
        axes.axvline(coverage, color=RED, linewidth=0.8, linestyle=":")
    axes.set(
        xlabel="coverage: share of the cases that are answered",
        ylabel="precision: share of those that are right",
        xlim=(0, 1.01),
        ylim=(max(0.0, lowest - 0.05), 1.01),
    )
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(lambda value, _: f"{value * 100:g}%")
    quiet(axes)
    handles, names = axes.get_legend_handles_labels()
    note = "dot: the version's threshold; red: asked on the held-out families"
    axes.legend(handles, names, loc="lower left", frameon=False, title=note, title_fontsize=9, fontsize=9)
    return png_of(figure)
