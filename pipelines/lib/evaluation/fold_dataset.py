"""The data set as it would be if another vendor family were the held-out one."""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from pipelines.lib.build_dataset import Dataset, DatasetSources, build_dataset
from pipelines.lib.families import load_vendor_families


def fold_families(sources: DatasetSources) -> tuple[str, ...]:
    """Returns every vendor family, in alphabetical order: one fold each."""
    return tuple(sorted(load_vendor_families(sources.vendor_families).members))


def build_fold(sources: DatasetSources, family: str) -> Dataset:
    """Builds the data set with one family held out, by the same code as the data set itself.

    Leaks are taken out against that family and the free-form set. The validation families stay, but for the
    one that is left out; every other family is trained on, those that are held out otherwise among them.

    Raises:
        DataFaultError: a source breaks its schema.
        KeyError: there is no such family.
    """
    if family not in fold_families(sources):
        raise KeyError(family)
    listed: Mapping[str, Any] = yaml.safe_load(sources.vendor_families.read_text("utf-8"))
    split = {**listed, "held_out": [family], "validation": _without(listed["validation"], family)}
    with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
        path = Path(scratch) / sources.vendor_families.name
        path.write_text(yaml.safe_dump(split, allow_unicode=True), "utf-8")
        return build_dataset(replace(sources, vendor_families=path))


def _without(families: Sequence[str], family: str) -> list[str]:
    return [one for one in families if one != family]
