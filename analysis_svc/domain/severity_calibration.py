"""How bad a finding is by a model that beat the formula, as tables that cannot fall.

The formula takes severity(label) * score. A table has, for one detector and label, what a model answers on a
grid of scores. Each value is raised to the largest before it, so that a worse finding is never less, and
between two of them the table is straight.
"""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass

GRID = tuple(step / 20 for step in range(21))
"""Scores that a model is asked about."""


@dataclass(frozen=True, slots=True)
class SeverityCalibration:
    """The tables of one model.

    Attributes:
        model: its name.
        version: of what it knows.
        tables: by detector and label, a value for each score of `GRID`, none less than the one before.
    """

    model: str
    version: str
    tables: Mapping[tuple[str, str], tuple[float, ...]]

    def knows(self, detector: str | None, label: str) -> bool:
        """Whether there is a table for findings of this detector and label."""
        return detector is not None and (detector, label) in self.tables

    def severity(self, detector: str, label: str, score: float) -> float:
        """Return how bad a finding of this score is, in [0, 1].

        Raises:
            KeyError: there is no table.
        """
        table = self.tables[detector, label]
        right = min(bisect_right(GRID, score), len(GRID) - 1)
        left = right - 1
        share = (score - GRID[left]) / (GRID[right] - GRID[left])
        return min(table[right], table[left] + (table[right] - table[left]) * min(share, 1.0))


def never_falling(values: tuple[float, ...]) -> tuple[float, ...]:
    """Raise each value to the largest before it."""
    highest = 0.0
    raised = []
    for value in values:
        highest = max(highest, value)
        raised.append(highest)
    return tuple(raised)
