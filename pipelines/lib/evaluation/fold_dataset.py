"""The data set as it would be if other vendor families were the held-out ones."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pipelines.lib.build_dataset import Dataset, DatasetSources, build_dataset
from pipelines.lib.families import load_vendor_families


def fold_families(sources: DatasetSources) -> tuple[str, ...]:
    """Returns every vendor family, in alphabetical order."""
    return tuple(sorted(load_vendor_families(sources.vendor_families).members))


def build_fold(sources: DatasetSources, left_out: Sequence[str]) -> Dataset:
    """Builds the data set with some families held out, by the same code as the data set itself.

    Leaks are taken out against those families and the free-form set. The validation families stay, but for
    those that are left out; every other family is trained on, those that are held out otherwise among them.

    Raises:
        DataFaultError: a source breaks its schema.
        KeyError: there is no such family.
    """
    if unknown := set(left_out) - set(fold_families(sources)):
        raise KeyError(*unknown)
    listed: Mapping[str, Any] = yaml.safe_load(sources.vendor_families.read_text("utf-8"))
    validation = [one for one in listed["validation"] if one not in left_out]
    split = {**listed, "held_out": list(left_out), "validation": validation}
    with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
        path = Path(scratch) / sources.vendor_families.name
        path.write_text(yaml.safe_dump(split, allow_unicode=True), "utf-8")
        return build_dataset(replace(sources, vendor_families=path))
