"""Rows of like length together, so that little is computed on padding."""

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from pipelines.lib.training.training_rows import EncodedRow

_JITTER = 2
"""Rows are ordered by length plus up to this many tokens, so that batches differ from epoch to epoch."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows with their ends padded. A causal model never looks ahead, so it needs no mask for them.

    Attributes:
        input_ids: token ids, rows by length of the longest.
        last: place of the last token of each row.
        targets: place of each row's label in the table.
        tokens: how many tokens are no padding.
    """

    input_ids: Tensor
    last: Tensor
    targets: Tensor
    tokens: int

    def to(self, device: torch.device) -> "Batch":
        """Returns the batch on a device."""
        return Batch(self.input_ids.to(device), self.last.to(device), self.targets.to(device), self.tokens)


def pad(prompts: Sequence[Sequence[int]], targets: Sequence[int] = ()) -> Batch:
    """Returns prompts as one batch."""
    longest = max(len(ids) for ids in prompts)
    padded = [[*ids, *[0] * (longest - len(ids))] for ids in prompts]
    return Batch(
        input_ids=torch.tensor(padded),
        last=torch.tensor([len(ids) - 1 for ids in prompts]),
        targets=torch.tensor(list(targets), dtype=torch.long),
        tokens=sum(len(ids) for ids in prompts),
    )


def by_length(lengths: Sequence[int], rows: int) -> list[list[int]]:
    """Returns places in batches of so many, the shortest first."""
    order = sorted(range(len(lengths)), key=lambda at: (lengths[at], at))
    return [order[start : start + rows] for start in range(0, len(order), rows)]


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


def in_batches(prompts: Sequence[Sequence[int]], rows: int) -> Iterator[tuple[list[int], Batch]]:
    """Yields prompts in batches of like length, each with the places of its rows."""
    for places in by_length([len(ids) for ids in prompts], rows):
        yield places, pad([prompts[at] for at in places])
