"""Reads what was measured of detectors."""

from pathlib import Path

from analysis_svc.adapters.yaml_entry import read_yaml
from analysis_svc.domain.detector_figures import DetectorFigures


def load_figures(path: Path) -> dict[str, DetectorFigures]:
    """Read the figures, by the name of the detector.

    Raises:
        DataFileError: with file and line of the first fault.
    """
    figures = {}
    for name, entry in read_yaml(path).fields(("detectors",))["detectors"].pairs():
        fields = entry.fields(("recall", "false_positive_rate", "source"))
        figures[name.text(limit=128)] = DetectorFigures(
            recall=fields["recall"].fraction(),
            false_positive_rate=fields["false_positive_rate"].fraction(),
            source=fields["source"].text(limit=200),
        )
    return figures
