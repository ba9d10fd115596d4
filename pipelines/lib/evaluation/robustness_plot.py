from pipelines.lib.evaluation.case import CaseSet
from pipelines.lib.evaluation.drawing import (
    BLUE,
    GREY,
    canvas,
    intervals,
    lines_axis,
    png_of,
    quiet,
    share_axis,
)
from pipelines.lib.evaluation.report import EvaluationReport


def robustness_png(report: EvaluationReport) -> bytes:
    """Draws the accuracy on other spellings and in each language."""
    (languages,) = [one for one in report.groups if one.by == "language" and one.cases == CaseSet.FREE_FORM]
    scores = sorted(languages.scores, key=lambda one: -one.accuracy.cases)
    lines = max(len(scores), len(report.robustness))
    figure = canvas(11.5, 1.6 + 0.34 * lines, "Other spellings and other languages")
    spellings, by_language = figure.subplots(1, 2)
    variants = report.robustness
    intervals(
        spellings, [one.plain for one in variants], colour=GREY, label="as written", shift=0.14, mark="s"
    )
    intervals(spellings, [one.changed for one in variants], colour=BLUE, label="changed", shift=-0.14)
    lines_axis(spellings, [f"{one.variant} ({one.changed.cases})" for one in variants])
    share_axis(spellings, "accuracy on the labels that change, both unseen sets")
    intervals(by_language, [one.accuracy for one in scores], colour=BLUE, label="as written")
    lines_axis(by_language, [f"{one.name} ({one.accuracy.cases})" for one in scores])
    share_axis(by_language, "accuracy by language, free form")
    for axes in (spellings, by_language):
        quiet(axes)
    figure.legend(*spellings.get_legend_handles_labels(), loc="outside lower center", ncols=2, frameon=False)
    return png_of(figure)
