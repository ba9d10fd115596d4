"""Reads everything analysis knows, checked as a whole, once at start."""

from pathlib import Path

from analysis_svc.adapters.advice_files import load_advice, load_combinations
from analysis_svc.adapters.crosswalk_files import load_crosswalks
from analysis_svc.adapters.detector_figure_files import load_figures
from analysis_svc.adapters.framework_files import load_control_map, load_frameworks
from analysis_svc.adapters.taxonomy_files import load_taxonomy
from analysis_svc.domain.catalogue import Catalogue

SHIPPED = Path(__file__).parent.parent / "data"


def load_catalogue(edition: str, folder: Path = SHIPPED) -> Catalogue:
    """Read taxonomy edition `edition` (such as "2026.11") and all that refers to it.

    Raises:
        DataFileError: with file and line of the first fault; the service must not start then.
    """
    taxonomy = load_taxonomy(folder / "taxonomy" / f"{edition}.yaml")
    frameworks = load_frameworks(folder / "frameworks")
    links, unmapped = load_control_map(folder / "control-map", taxonomy, frameworks)
    return Catalogue(
        taxonomy=taxonomy,
        frameworks=frameworks,
        links=links,
        unmapped=unmapped,
        advice=load_advice(folder / "remediations.yaml", taxonomy, frameworks, unmapped.keys()),
        combinations=load_combinations(folder / "patterns.yaml", taxonomy),
        crosswalk=load_crosswalks(folder / "crosswalks", frameworks),
        figures=load_figures(folder / "detector-figures.yaml"),
    )
