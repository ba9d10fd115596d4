"""What is believed of a detector: measured figures as they are, and nothing where there are none."""

from pathlib import Path

import pytest

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.detector_figure_files import load_figures
from analysis_svc.adapters.yaml_entry import DataFileError, read_yaml
from analysis_svc.domain.detector_figures import DetectorFigures

VENDORS = Path(__file__).parents[3] / "mapper_svc" / "data" / "vendors"


def test_perfect_detector_misses_nothing_and_one_that_knows_nothing_is_a_coin() -> None:
    perfect = DetectorFigures(1.0, 0.0, "x")
    assert (perfect.may_have_missed, perfect.right_when_it_speaks) == (0.0, 1.0)
    for share in (0.25, 0.5, 0.75):
        coin = DetectorFigures(share, share, "x")
        assert (coin.may_have_missed, coin.right_when_it_speaks) == (0.5, 0.5)


def test_detector_that_never_or_always_speaks_divides_by_nothing() -> None:
    mute, crying = DetectorFigures(0.0, 0.0, "x"), DetectorFigures(1.0, 1.0, "x")
    assert (mute.may_have_missed, mute.right_when_it_speaks) == (0.5, 0.5)
    assert (crying.may_have_missed, crying.right_when_it_speaks) == (0.0, 0.5)


def test_shipped_figures_claim_no_more_than_the_mapper_does() -> None:
    figures = load_figures(SHIPPED / "detector-figures.yaml")
    assert figures
    for name, known in figures.items():
        vendor = {key.text(): value for key, value in read_yaml(VENDORS / f"{name}.yaml").pairs()}
        claimed = vendor["safe_confidence"].fields(("value", "source"))["value"].fraction()
        assert 1.0 - known.may_have_missed < claimed + 0.01, name


@pytest.mark.parametrize("wrong", ["recall: 1.5", "recall: high", "recal: 0.5"])
def test_fault_in_the_file_is_told_with_its_line(tmp_path: Path, wrong: str) -> None:
    path = tmp_path / "figures.yaml"
    path.write_text(f"detectors:\n  d:\n    {wrong}\n    false_positive_rate: 0\n    source: s\n")
    with pytest.raises(DataFileError, match=r"figures\.yaml:3"):
        load_figures(path)
