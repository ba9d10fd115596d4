"""Which rows are learnt together in an epoch."""

import random
from collections.abc import Sequence

from pipelines.lib.scoring.batches import Batch, pad
from pipelines.lib.training.training_rows import EncodedRow

_JITTER = 2
"""Rows are ordered by length plus up to this many tokens, so that batches differ from epoch to epoch."""


def plan_epoch(
    encoded: Sequence[EncodedRow], epoch: int, *, seed: int, rows: int, vendor_dropout: float
) -> list[list[tuple[int, bool]]]:
    """Returns the batches of an epoch: places of rows, and whether the vendor is named.

    The same seed and epoch always give the same batches, so a training that goes on after a crash needs to
    know only how far it was.
    """
    draw = random.Random(f"{seed}:{epoch}")  # noqa: S311 - nothing here is a secret
    named = [draw.random() >= vendor_dropout for _ in encoded]
    lengths = [
        len(row.named if name else row.bare) + draw.uniform(0, _JITTER)
        for row, name in zip(encoded, named, strict=True)
    ]
    order = sorted(range(len(encoded)), key=lengths.__getitem__)
    batches = [
        [(at, named[at]) for at in order[start : start + rows]] for start in range(0, len(order), rows)
    ]
    draw.shuffle(batches)
    return batches


def take(encoded: Sequence[EncodedRow], batch: Sequence[tuple[int, bool]]) -> Batch:
    """Returns a planned batch as tensors."""
    prompts = [prompt_of(encoded, one) for one in batch]
    return pad(prompts, [encoded[at].target for at, _ in batch])


def prompt_of(encoded: Sequence[EncodedRow], planned: tuple[int, bool]) -> tuple[int, ...]:
    """Returns the token ids of one row of a planned batch."""
    at, named = planned
    return encoded[at].named if named else encoded[at].bare


def share_of(batch: Sequence[tuple[int, bool]], process: int, processes: int) -> list[tuple[int, bool]]:
    """Returns the rows of a batch that one of several processes takes; every process has at least one."""
    mine = list(batch[process::processes])
    return mine or [batch[0]]
