"""Reads an edition of the taxonomy."""

import re
from pathlib import Path

from analysis_svc.adapters.yaml_entry import Entry, read_yaml
from analysis_svc.domain.catalogue import MODEL_ERROR, SAFE, UNKNOWN, Label, Taxonomy

_LABEL = re.compile(r"[A-Z_]+(\.[A-Za-z]+){1,3}")


def load_taxonomy(path: Path) -> Taxonomy:
    """Read the labels of one edition, with severity and title.

    Raises:
        DataFileError: with file and line of the first fault.
    """
    document = read_yaml(path)
    fields = document.fields(("version", "labels"))
    edition = fields["version"].text()
    if edition != path.stem:
        raise fields["version"].fault(f"edition {edition!r} does not match the file's name")
    labels = dict(_label(key, value) for key, value in fields["labels"].pairs())
    for name in (SAFE, MODEL_ERROR, UNKNOWN):
        if name not in labels:
            raise fields["labels"].fault(f"label {name} is missing; scoring depends on it")
    return Taxonomy(edition, labels)


def _label(key: Entry, value: Entry) -> tuple[str, Label]:
    name = key.text()
    if not _LABEL.fullmatch(name):
        raise key.fault(f"{name!r} is no label: expected PILLAR.Group.Leaf")
    fields = value.fields(("severity", "title"))
    return name, Label(name, fields["severity"].fraction(), fields["title"].text(limit=60))
