"""The severities that a person's judgement taught, as the pipelines released them."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from analysis_svc.domain.plugins import Capabilities
from analysis_svc.domain.severity_calibration import GRID, SeverityCalibration

VARIABLE = "ANALYSIS_SEVERITY_CALIBRATION"
"""Names the released file; without it the formula alone holds."""


class ReleasedTable(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One table: a value for each score of the grid, and the figures by which it passed its gate."""

    detector: str
    label: str
    values: list[float]
    rows: int
    error_of_formula: float
    error: float


class ReleasedCalibration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the pipelines release: tables that beat the formula on held-out data, and no others."""

    version: str
    grid: list[float]
    tables: list[ReleasedTable]


class SeverityCalibrator:
    """A model: what it covers is what beat the formula; without a release it covers nothing.

    Raises:
        OSError: the released file cannot be read.
        msgspec.ValidationError: it is none.
        ValueError: it was made for another grid.
    """

    def __init__(self) -> None:
        path = os.environ.get(VARIABLE, "").strip()
        self._released = (
            msgspec.json.decode(Path(path).read_bytes(), type=ReleasedCalibration)
            if path
            else ReleasedCalibration("none", list(GRID), [])
        )
        if tuple(self._released.grid) != GRID or any(
            len(table.values) != len(GRID) for table in self._released.tables
        ):
            raise ValueError("the calibration was made for another grid of scores")
        self._tables = SeverityCalibration(
            "severity_calibrator",
            self._released.version,
            {(one.detector, one.label): tuple(one.values) for one in self._released.tables},
        )

    def capabilities(self) -> Capabilities:
        """Say which release it is."""
        return Capabilities(
            self._released.version, "Severity as people judged it, where that beat the formula"
        )

    def covers(self) -> Sequence[tuple[str, str]]:
        """Return the pairs that beat the formula."""
        return list(self._tables.tables)

    def severity(self, detector: str, label: str, score: float) -> float:
        """Return how bad a finding of that score is."""
        return self._tables.severity(detector, label, score)
