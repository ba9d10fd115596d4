"""How long one label takes."""

import time
from collections.abc import Callable, Sequence

import msgspec
import numpy as np

_WARM_UP = 10


class Latency(msgspec.Struct, frozen=True):
    """Milliseconds from raw label to distribution, one label at a time.

    Attributes:
        labels: how many were timed.
        p50: median.
        p95: 95th percentile.
        mean: mean.
        machine: what they ran on.
    """

    labels: int
    p50: float
    p95: float
    mean: float
    machine: str


def measure_latency(answer: Callable[[str], object], raws: Sequence[str], machine: str) -> Latency:
    """Times answers one after another.

    Args:
        answer: gives the distribution of one raw label.
        raws: the labels to ask for, at least one; the first are asked once before, to warm up.
        machine: what they run on.
    """
    for raw in raws[:_WARM_UP]:
        answer(raw)
    times = []
    for raw in raws:
        began = time.perf_counter()
        answer(raw)
        times.append((time.perf_counter() - began) * 1000)
    p50, p95 = (float(one) for one in np.percentile(times, (50, 95)))
    return Latency(len(times), p50, p95, float(np.mean(times)), machine)
