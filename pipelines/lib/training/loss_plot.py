import io
from collections.abc import Sequence

from matplotlib.figure import Figure

from pipelines.lib.training.checkpoint import CurvePoint


def loss_png(name: str, curve: Sequence[CurvePoint], best_step: int) -> bytes:
    """Returns a plot of the losses and the validation accuracy over the steps, as PNG."""
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    losses = figure.subplots()
    steps = [point.step for point in curve]
    lines = [
        *losses.plot(
            steps, [point.training_loss for point in curve], "o-", color="C0", label="training loss"
        ),
        *losses.plot(
            steps, [point.validation_loss for point in curve], "s-", color="C1", label="validation loss"
        ),
    ]
    losses.set(xlabel="step", ylabel="cross-entropy (nats)", title=f"Training of {name}")
    losses.set_ylim(bottom=0)
    losses.grid(alpha=0.3)
    accuracy = losses.twinx()
    lines += accuracy.plot(
        steps, [point.validation_accuracy for point in curve], "^--", color="C2", label="validation accuracy"
    )
    accuracy.set(ylabel="share of rows that are right", ylim=(0, 1))
    lines.append(losses.axvline(best_step, color="grey", linestyle=":", label=f"best step, {best_step}"))
    figure.legend(handles=lines, loc="outside lower center", ncols=4)
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=110)
    return png.getvalue()
