"""Reads a remap: the YAML file that says how the labels of one edition become those of the next."""

from pathlib import Path

from mapper_svc.adapters.marked_yaml import Value, read_yaml
from mapper_svc.domain.editions.remap import Change, ChangeKind, Remap, faults_of
from mapper_svc.domain.taxonomy import Taxonomy

REMAP_DIR = Path(__file__).parents[1] / "data" / "remaps"
"""The remaps that come with the service, named `OLD_to_NEW.yaml`."""
_REASON = frozenset({"reason"})
_FIELDS = {
    ChangeKind.RENAMED: (_REASON | {"to"}, frozenset[str]()),
    ChangeKind.MERGED: (_REASON | {"to"}, frozenset[str]()),
    ChangeKind.SPLIT: (_REASON | {"into"}, frozenset({"default", "rows"})),
    ChangeKind.REMOVED: (_REASON | {"instead"}, frozenset({"rows"})),
}


def remap_path(old: str, new: str, folder: Path = REMAP_DIR) -> Path:
    """Returns where the remap between two editions is."""
    return folder / f"{old}_to_{new}.yaml"


def load_remap(path: Path, old: Taxonomy, new: Taxonomy) -> Remap:
    """Loads a remap and checks that it accounts for every label.

    Raises:
        DataFaultError: the file breaks its schema, is of other editions, or is not total; names file, line
            and label.
    """
    document = read_yaml(path)
    root = document.section(
        required=frozenset({"from", "to"}), optional=frozenset(kind.value for kind in ChangeKind)
    )
    for name, edition in (("from", old.edition), ("to", new.edition)):
        if root[name].text() != edition:
            raise root[name].fault(f"must be {edition!r}")
    changes: dict[str, Change] = {}
    places: dict[str, Value] = {}
    for kind in ChangeKind:
        for key, value in root[kind.value].fields() if kind.value in root else ():
            if key.key in changes:
                raise key.fault(f"is already {changes[key.key].kind} on line {places[key.key].line}")
            changes[key.key] = _change(kind, value)
            places[key.key] = key
    remap = Remap(old.edition, new.edition, changes)
    for fault in faults_of(remap, old, new):
        raise places.get(fault.label, document).fault(
            fault.problem if fault.label in places else f"{fault.label} {fault.problem}"
        )
    return remap


def _change(kind: ChangeKind, value: Value) -> Change:
    required, optional = _FIELDS[kind]
    fields = value.section(required=required, optional=optional)
    reason = fields["reason"].text()
    rows = _rows(fields["rows"]) if "rows" in fields else {}
    if kind is ChangeKind.SPLIT:
        into = tuple(one.text() for one in fields["into"].items())
        default = fields["default"].text() if "default" in fields else None
        return Change(kind, into, reason, default, rows)
    to = fields["instead" if kind is ChangeKind.REMOVED else "to"].text()
    return Change(kind, (to,), reason, to, rows)


def _rows(section: Value) -> dict[str, dict[str, str]]:
    return {
        vendor.key: {raw.key: target.text() for raw, target in rows.fields()}
        for vendor, rows in section.fields()
    }
