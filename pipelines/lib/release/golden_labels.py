"""The raw labels that the golden set's payloads carry, as the mapper's own parsers read them."""

from pathlib import Path

from mapper_svc.adapters.vendor_files import load_catalogue
from mapper_svc.domain.read_output import read_output
from mapper_svc.domain.signals import ParseFailure
from pipelines.lib.golden.read_golden import GOLDEN_DIR, read_golden

LABEL_MAX = 200
"""Most characters of a label that a model is asked about."""


def golden_labels(edition: str, most: int, folder: Path = GOLDEN_DIR) -> list[tuple[str | None, str]]:
    """Returns distinct pairs of vendor and raw label, spread evenly over the golden set.

    Args:
        edition: edition of the taxonomy.
        most: at most so many.
        folder: where the golden set is.

    Raises:
        DataFaultError: the golden set is missing or broken.
    """
    catalogue = load_catalogue(edition)
    found: dict[tuple[str | None, str], None] = {}
    for row in read_golden(catalogue.taxonomy, folder):
        vendor = catalogue.resolve(row.name)
        reading = read_output(row.output, vendor)
        if isinstance(reading, ParseFailure):
            continue
        for signal in reading.signals:
            if 0 < len(signal.raw) <= LABEL_MAX:
                found.setdefault((vendor.id if vendor else None, signal.raw))
    pairs = list(found)
    step = max(1, -(-len(pairs) // most))
    return pairs[::step]
