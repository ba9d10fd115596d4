"""Reads the evidence rules that are shipped."""

import re
from pathlib import Path

from analysis_svc.adapters.framework_files import find_control
from analysis_svc.adapters.yaml_entry import Entry, read_yaml
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.evidence_rules import ControlKey, Limits, RuleBook, Sense

_SENSE = re.compile(r"[a-z][a-z_]{0,63}")
# What these say is open, so nothing is there to find them.
_OPEN = "OTHER."


def load_evidence_rules(path: Path, catalogue: Catalogue) -> RuleBook:
    """Read senses, limits and the rules of controls that ask for monitoring.

    Raises:
        DataFileError: with file and line of the first fault: an unknown label, control or sense, or a label
            under two senses or none.
    """
    fields = read_yaml(path).fields(("limits", "senses", "monitoring"))
    senses = _senses(fields["senses"], catalogue)
    return RuleBook(
        senses=senses, limits=_limits(fields["limits"]), monitoring=_monitoring(fields, senses, catalogue)
    )


def _limits(entry: Entry) -> Limits:
    fields = entry.fields(("every_hours", "period_days", "coverage", "analyses"))
    return Limits(
        every_hours=_whole(fields["every_hours"]),
        period_days=_whole(fields["period_days"]),
        coverage=fields["coverage"].fraction(),
        analyses=_whole(fields["analyses"]),
    )


def _whole(entry: Entry) -> int:
    text = entry.text()
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 1_000_000:  # noqa: PLR2004 - a limit
        raise entry.fault("expected a whole number from 1 to 1,000,000")
    return int(text)


def _senses(entry: Entry, catalogue: Catalogue) -> dict[str, Sense]:
    senses: dict[str, Sense] = {}
    taken: dict[str, str] = {}
    for key, value in entry.pairs():
        name = key.text()
        if not _SENSE.fullmatch(name):
            raise key.fault("the name of a sense is 1 to 64 small letters or _")
        fields = value.fields(("title", "labels", "detectors"))
        labels = [label for item in fields["labels"].items() for label in _under(item, catalogue)]
        for label in labels:
            if label in taken:
                raise fields["labels"].fault(f"{label} is under {taken[label]} already")
            taken[label] = name
        senses[name] = Sense(
            name, fields["title"].text(limit=60), frozenset(labels), tuple(_names(fields["detectors"]))
        )
    left = sorted(label for label in catalogue.taxonomy.labels if label not in taken)
    if forgotten := [label for label in left if not label.startswith(_OPEN)]:
        raise entry.fault(f"no sense is there for {', '.join(forgotten)}")
    return senses


def _under(entry: Entry, catalogue: Catalogue) -> list[str]:
    prefix = entry.text()
    labels = [one for one in catalogue.taxonomy.labels if one == prefix or one.startswith(f"{prefix}.")]
    if not labels:
        raise entry.fault(f"{prefix!r} is neither a label nor the beginning of one")
    return labels


def _names(entry: Entry) -> list[str]:
    if entry.is_list() and not entry.node.value:  # none that is shipped
        return []
    return [item.text(limit=128) for item in entry.items()]


def _monitoring(
    fields: dict[str, Entry], senses: dict[str, Sense], catalogue: Catalogue
) -> dict[ControlKey, tuple[tuple[str, ...], str]]:
    rules = {}
    for key, value in fields["monitoring"].pairs():
        control = find_control(key, catalogue.frameworks)
        rule = value.fields(("senses", "why"))
        names = tuple(item.text() for item in rule["senses"].items())
        if unknown := [name for name in names if name not in senses]:
            raise rule["senses"].fault(f"there is no sense {', '.join(unknown)}")
        rules[control.framework, control.id] = (names, rule["why"].text(limit=200))
    return rules
