"""What every plot of the report has in common."""

import io
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure as Canvas

from pipelines.lib.evaluation.figure import Figure

BLUE, ORANGE, GREEN, GREY, RED = "#2f6f9f", "#e0a030", "#3a8a5f", "#8a8a8a", "#b03030"
_DPI = 100


def canvas(width: float, height: float, title: str) -> Canvas:
    """Returns an empty figure of so many inches. Dagster shows an image as wide as it is."""
    figure = Canvas(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=12)
    return figure


def png_of(figure: Canvas) -> bytes:
    """Returns a figure as PNG."""
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=_DPI)
    return image.getvalue()


def quiet(axes: Axes) -> None:
    """Takes away the two sides of a frame that say nothing."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(alpha=0.25)
    axes.set_axisbelow(True)


def intervals(
    axes: Axes,
    figures: Sequence[Figure | None],
    *,
    colour: str,
    label: str,
    shift: float = 0.0,
    mark: str = "o",
) -> None:
    """Draws figures as points with their intervals, one under another; None leaves its line empty."""
    found = [(at, one) for at, one in enumerate(figures) if one is not None]
    values = [one.value for _, one in found]
    axes.errorbar(
        values,
        [at + shift for at, _ in found],
        xerr=[
            [max(0.0, one.value - one.low) for _, one in found],
            [max(0.0, one.high - one.value) for _, one in found],
        ],
        fmt=mark,
        color=colour,
        label=label,
        capsize=2.5,
        markersize=5,
        linewidth=1.3,
    )


def share_axis(axes: Axes, name: str) -> None:
    """Makes the horizontal axis a share from 0 to 1."""
    axes.set(xlabel=name, xlim=(-0.02, 1.02))
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:.0%}")


def lines_axis(axes: Axes, names: Sequence[str]) -> None:
    """Names the lines of the vertical axis from top to bottom."""
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
