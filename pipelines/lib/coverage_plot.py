import io
from collections import Counter
from collections.abc import Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from pipelines.lib.dataset_checks import MIN_PER_LABEL
from pipelines.lib.example import Example, Split

_COLUMNS = 2
_COLOURS = {Split.TRAIN: "#2f6f9f", Split.VALIDATION: "#e0a030", Split.HELDOUT: "#8a8a8a"}


def label_coverage_png(examples: Sequence[Example], labels: Sequence[str]) -> bytes:
    """Draws how many clear rows each label has on each side of the split, as a PNG.

    Args:
        examples: every row.
        labels: labels of the edition, in its order, read from top left.
    """
    rows = Counter((one.label, one.split) for one in examples if not one.opaque)
    longest = max([sum(rows[label, split] for split in Split) for label in labels], default=1)
    tall = -(-len(labels) // _COLUMNS)
    # Dagster shows an image as wide as it is, in a window of about 1,100 pixels.
    figure = Figure(figsize=(13.4, 1.2 + 0.19 * tall), layout="constrained")
    FigureCanvasAgg(figure)
    for at, axes in enumerate(figure.subplots(1, _COLUMNS)):
        part = labels[at * tall : (at + 1) * tall]
        left = [0] * len(part)
        for split in Split:
            width = [rows[label, split] for label in part]
            axes.barh(part, width, left=left, color=_COLOURS[split], label=split.value, height=0.75)
            left = [one + more for one, more in zip(left, width, strict=True)]
        axes.axvline(MIN_PER_LABEL, color="#b03030", linewidth=1, linestyle="--")
        axes.set(xlim=(0, longest * 1.03), ylim=(tall - 0.5, -0.5))
        axes.tick_params(axis="y", labelsize=8, length=0)
        axes.spines[["top", "right"]].set_visible(False)
    handles, names = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), frameon=False)
    figure.suptitle(f"Clear rows per label; dashed: at least {MIN_PER_LABEL} to train and validate on")
    image = io.BytesIO()
    figure.savefig(image, format="png", dpi=80)
    return image.getvalue()
