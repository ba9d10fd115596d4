"""Reads what to do about a label, and which labels mean more together."""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from pathlib import Path

from analysis_svc.adapters.framework_files import find_control
from analysis_svc.adapters.yaml_entry import DataFileError, Entry, read_yaml
from analysis_svc.domain.catalogue import Advice, Combination, Framework, Priority, Taxonomy

MAX_ACTION = 120
MAX_STATEMENT = 300


def load_advice(
    path: Path, taxonomy: Taxonomy, frameworks: Mapping[str, Framework], exempt: AbstractSet[str]
) -> dict[str, tuple[Advice, ...]]:
    """Read the advice of every label: that of the longest prefix of its name that has any.

    Args:
        path: the file.
        taxonomy: the labels that must be covered.
        frameworks: where the named controls are looked up.
        exempt: labels that need no advice.

    Raises:
        DataFileError: with file and line of the first fault, or naming a label without advice.
    """
    by_prefix: dict[str, tuple[Advice, ...]] = {}
    for key, value in read_yaml(path).pairs():
        _labels_under(key, taxonomy)
        by_prefix[key.text()] = tuple(_advice(item, frameworks) for item in value.items())
    advice = {}
    for label in taxonomy.labels.keys() - exempt:
        parts = label.split(".")
        prefixes = (".".join(parts[:size]) for size in range(len(parts), 0, -1))
        found = next((by_prefix[prefix] for prefix in prefixes if prefix in by_prefix), None)
        if found is None:
            raise DataFileError(f"{path}: no advice covers {label}")
        advice[label] = found
    return advice


def _advice(entry: Entry, frameworks: Mapping[str, Framework]) -> Advice:
    fields = entry.fields(("action", "priority", "controls"))
    return Advice(
        action=fields["action"].text(limit=MAX_ACTION),
        priority=fields["priority"].choice(Priority),
        controls=tuple(find_control(item, frameworks) for item in fields["controls"].items()),
    )


def load_combinations(path: Path, taxonomy: Taxonomy) -> tuple[Combination, ...]:
    """Read the combinations; each part is a list of labels or prefixes, and no label is in two parts.

    Raises:
        DataFileError: with file and line of the first fault.
    """
    return tuple(_combination(key, value, taxonomy) for key, value in read_yaml(path).pairs())


def _combination(key: Entry, value: Entry, taxonomy: Taxonomy) -> Combination:
    fields = value.fields(("title", "statement", "priority", "together"))
    groups: list[frozenset[str]] = []
    taken: set[str] = set()
    for part in fields["together"].items():
        group = frozenset(label for item in part.items() for label in _labels_under(item, taxonomy))
        if shared := sorted(taken & group):
            raise part.fault(f"{', '.join(shared)} would play two parts")
        taken |= group
        groups.append(group)
    if len(groups) < 2:  # noqa: PLR2004 - together takes at least two
        raise fields["together"].fault("a combination has at least two parts")
    return Combination(
        id=key.text(limit=64),
        title=fields["title"].text(limit=80),
        statement=fields["statement"].text(limit=MAX_STATEMENT),
        priority=fields["priority"].choice(Priority),
        groups=tuple(groups),
    )


def _labels_under(entry: Entry, taxonomy: Taxonomy) -> list[str]:
    prefix = entry.text()
    labels = [label for label in taxonomy.labels if label == prefix or label.startswith(f"{prefix}.")]
    if not labels:
        raise entry.fault(f"{prefix!r} is neither a label nor the beginning of one")
    return labels
