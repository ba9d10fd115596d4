"""Observations that are drawn, so that what is in them is known."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from uuid import UUID

import numpy as np

from analysis_svc.domain.insights.pattern_models import EventGroup, Found, Observation, PatternKind
from analysis_svc.domain.insights.span import Bucket, Span

START = datetime(2026, 9, 7, tzinfo=UTC)  # a Monday
Share = Callable[[int], float]
"""Of a short stretch of time, the share of its analyses that have something."""


def observation(
    labels: Mapping[str, Share],
    *,
    buckets: int = 42,
    per_stretch: int = 10,
    bucket: Bucket = Bucket.DAY,
    seed: int = 1,
    failing: Share | None = None,
    together: tuple[str, str] | None = None,
) -> Observation:
    """Draw analyses one by one.

    Args:
        labels: how often each comes.
        buckets: how long it is.
        per_stretch: mean number of analyses of a short stretch of time.
        bucket: how time is divided.
        seed: of the draw.
        failing: how often the detector ``guard`` fails; then no label is found.
        together: of these labels the second comes mostly with the first.
    """
    draw = np.random.default_rng(seed)
    bins = 12 if bucket is Bucket.DAY else 4
    groups: list[EventGroup] = []
    for stretch in range(buckets * bins):
        for _ in range(draw.poisson(per_stretch)):
            failed = failing is not None and draw.random() < failing(stretch)
            found = {name for name, share in labels.items() if draw.random() < share(stretch)}
            if together and together[0] in found and draw.random() < 0.8:
                found.add(together[1])
            groups.append(
                EventGroup(
                    bin=stretch,
                    labels=() if failed else tuple(sorted(found)),
                    looked=() if failed else ("guard",),
                    failed=("guard",) if failed else (),
                    serious=False,
                    analyses=1,
                    evidence=(UUID(int=len(groups) + 1),),
                )
            )
    span = Span(START, START + timedelta(seconds=buckets * bucket.width.total_seconds()))
    return Observation(span, bucket, bins, tuple(groups))


def kinds(found: Found, kind: PatternKind) -> list[tuple[str, ...]]:
    """Return the names of the subjects of each pattern of a kind."""
    return [tuple(one.name for one in pattern.subjects) for pattern in found.patterns if pattern.kind is kind]
