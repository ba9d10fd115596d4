"""Rows of like length together, so that little is computed on padding."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor


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


def in_batches(prompts: Sequence[Sequence[int]], rows: int) -> Iterator[tuple[list[int], Batch]]:
    """Yields prompts in batches of like length, each with the places of its rows."""
    for places in by_length([len(ids) for ids in prompts], rows):
        yield places, pad([prompts[at] for at in places])
