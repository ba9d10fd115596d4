import re
from pathlib import Path

from mapper_svc.adapters.marked_yaml import DataFaultError, Value, read_yaml
from mapper_svc.domain.label_key import label_key
from mapper_svc.domain.taxonomy import REQUIRED_LABELS, Label, Taxonomy

TAXONOMY_DIR = Path(__file__).parents[1] / "data" / "taxonomy"
"""The editions that come with the service, one file each, named by edition."""
_NAME = re.compile(r"[A-Z][A-Z_]*(\.[A-Za-z]+){1,3}")


def available_editions(folder: Path = TAXONOMY_DIR) -> tuple[str, ...]:
    """Returns the names of the editions in a folder, the oldest first."""
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def load_taxonomy(edition: str, folder: Path = TAXONOMY_DIR) -> Taxonomy:
    """Loads one edition.

    Raises:
        DataFaultError: no such edition, or the file breaks the schema; names file, line and key.
    """
    path = folder / f"{edition}.yaml"
    if edition not in available_editions(folder):
        known = ", ".join(available_editions(folder)) or "none"
        raise DataFaultError(path, 1, "edition", f"there is no such edition; there are {known}")
    root = read_yaml(path).section(
        required=frozenset({"edition", "groups", "labels"}), optional=frozenset({"aliases"})
    )
    if root["edition"].text() != edition:
        raise root["edition"].fault(f"must be {edition!r}, the name of the file")
    groups = {key.key: title.text() for key, title in root["groups"].fields()}
    labels = _labels(root["labels"], groups)
    for needed in sorted(REQUIRED_LABELS - labels.keys()):
        raise root["labels"].fault(f"the label {needed} is missing, the mapper itself gives it")
    aliases = _aliases(root["aliases"], labels) if "aliases" in root else {}
    return Taxonomy(edition=edition, labels=labels, groups=groups, aliases=aliases)


def _labels(section: Value, groups: dict[str, str]) -> dict[str, Label]:
    labels: dict[str, Label] = {}
    keys: dict[str, str] = {}
    for key, value in section.fields():
        name = key.key
        if not _NAME.fullmatch(name):
            raise key.fault("a label is PILLAR.Group.Leaf")
        first = keys.setdefault(label_key(name), name)
        if first != name:
            raise key.fault(f"differs from {first} only in case or separators")
        fields = value.section(required=frozenset({"severity", "means"}), optional=frozenset())
        label = Label(name=name, means=fields["means"].text(), severity=fields["severity"].number(0, 1))
        if label.pillar not in groups:
            raise key.fault(f"the pillar {label.pillar} has no title under groups")
        labels[name] = label
    return labels


def _aliases(section: Value, labels: dict[str, Label]) -> dict[str, str]:
    keys = {label_key(name): name for name in labels}
    aliases: dict[str, str] = {}
    for key, value in section.fields():
        if value.text() not in labels:
            raise value.fault(f"{value.text()} is no label of this edition")
        taken = keys.setdefault(label_key(key.key), key.key)
        if taken != key.key or key.key in labels:
            raise key.fault(f"is already the name {taken}")
        aliases[key.key] = value.text()
    return aliases
