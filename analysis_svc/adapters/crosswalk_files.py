"""Reads what controls of different frameworks have in common."""

from collections.abc import Mapping
from pathlib import Path

from analysis_svc.adapters.framework_files import find_control, own_words
from analysis_svc.adapters.yaml_entry import Entry, read_yaml
from analysis_svc.domain.catalogue import Control, CrosswalkTie, Framework, Overlap


def load_crosswalks(folder: Path, frameworks: Mapping[str, Framework]) -> tuple[CrosswalkTie, ...]:
    """Read every tie of the folder's files, each `from: {to, overlap, why}`.

    Raises:
        DataFileError: with file and line of the first fault: an unknown control, a tie within one framework,
            one given twice in either direction, or a rationale used twice.
    """
    ties: list[CrosswalkTie] = []
    seen: set[frozenset[tuple[str, str]]] = set()
    rationales: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        for key, value in read_yaml(path).pairs():
            source = find_control(key, frameworks)
            for item in value.items():
                tie = _tie(source, item, frameworks, rationales)
                ends = frozenset(
                    {(tie.source.framework, tie.source.id), (tie.target.framework, tie.target.id)}
                )
                if ends in seen:
                    raise item.fault("these two controls are tied already")
                seen.add(ends)
                ties.append(tie)
    return tuple(ties)


def _tie(
    source: Control, item: Entry, frameworks: Mapping[str, Framework], rationales: dict[str, str]
) -> CrosswalkTie:
    fields = item.fields(("to", "overlap", "why"))
    target = find_control(fields["to"], frameworks)
    if target.framework == source.framework:
        raise fields["to"].fault("a tie joins two frameworks")
    return CrosswalkTie(
        source, target, fields["overlap"].choice(Overlap), own_words(fields["why"], rationales)
    )
