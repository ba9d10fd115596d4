import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from mapper_svc.adapters.marked_yaml import Value, read_yaml
from mapper_svc.adapters.taxonomy_files import load_taxonomy
from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.label_key import label_key
from mapper_svc.domain.parsers import PARSERS
from mapper_svc.domain.taxonomy import SAFE, VIOLATION, Taxonomy
from mapper_svc.domain.vendor import UNMEASURED_SAFE, Direction, LabelRule, ScoreOf, ScoreRule, Vendor

VENDORS_DIR = Path(__file__).parents[1] / "data" / "vendors"
"""The vendor files that come with the service."""
_ID = re.compile(r"[a-z0-9][a-z0-9_]*")
_MAX_SEVERITY = 1000.0
_REQUIRED = frozenset({"vendor", "title", "source", "edition", "labels"})
_OPTIONAL = frozenset(
    {
        "aliases",
        "parser",
        "versions",
        "general",
        "number",
        "score",
        "safe",
        "empty_list_is_safe",
        "safe_confidence",
    }
)
_SCORE_FIELDS = frozenset(
    {"direction", "threshold", "max", "table", "default", "of", "safe_above", "top_wins"}
)


def load_catalogue(edition: str, folder: Path = VENDORS_DIR) -> Catalogue:
    """Loads an edition of the taxonomy that comes with the service, and every vendor file of a folder.

    Raises:
        DataFaultError: a file breaks its schema; names file, line and key.
    """
    taxonomy = load_taxonomy(edition)
    return Catalogue(taxonomy, load_vendors(taxonomy, folder))


def vendors_hash(folder: Path = VENDORS_DIR) -> str:
    """Returns the SHA-256 (hex) over every vendor file of a folder."""
    digest = sha256()
    for path in sorted(folder.glob("*.yaml")):
        content = path.read_bytes()
        digest.update(f"{path.name}/{len(content)}/".encode() + content)
    return digest.hexdigest()


def load_vendors(taxonomy: Taxonomy, folder: Path = VENDORS_DIR) -> tuple[Vendor, ...]:
    """Loads every vendor file of a folder and checks it against the taxonomy.

    Raises:
        DataFaultError: a file breaks the schema, or two files claim one name; names file, line and key.
    """
    owners: dict[str, str] = {}
    return tuple(_load_vendor(path, taxonomy, owners) for path in sorted(folder.glob("*.yaml")))


def _load_vendor(path: Path, taxonomy: Taxonomy, owners: dict[str, str]) -> Vendor:
    root = read_yaml(path).section(required=_REQUIRED, optional=_OPTIONAL)
    vendor_id = root["vendor"].text()
    if vendor_id != path.stem or not _ID.fullmatch(vendor_id):
        raise root["vendor"].fault(f"must be {path.stem!r}, the name of the file, in a-z, 0-9 and _")
    aliases = tuple(root["aliases"].items()) if "aliases" in root else ()
    _claim_names((root["vendor"], *aliases), vendor_id, owners)
    labels = _labels(root["labels"], taxonomy)
    if "safe" in root:
        _add_safe(root["safe"], labels)
    return Vendor(
        id=vendor_id,
        title=root["title"].text(),
        source=root["source"].text(),
        edition=root["edition"].text(),
        aliases=tuple(alias.text() for alias in aliases),
        parser=_parser(root.get("parser")),
        versions=tuple(one.text() for one in root["versions"].items()) if "versions" in root else (),
        general=_canonical(root["general"], taxonomy) if "general" in root else VIOLATION,
        number=_number(root.get("number"), labels),
        score=_score(root["score"]) if "score" in root else ScoreRule(),
        labels=labels,
        empty_list_is_safe=root["empty_list_is_safe"].boolean() if "empty_list_is_safe" in root else False,
        safe_confidence=_safe_confidence(root.get("safe_confidence")),
    )


def _claim_names(names: Iterable[Value], vendor_id: str, owners: dict[str, str]) -> None:
    for name in names:
        owner = owners.setdefault(label_key(name.text()), vendor_id)
        if owner != vendor_id:
            raise name.fault(f"{name.text()} already means the vendor {owner}")


def _parser(value: Value | None) -> str | None:
    if value is None:
        return None
    if value.text() not in PARSERS:
        raise value.fault(f"{value.text()} is no parser; the parsers are {', '.join(sorted(PARSERS))}")
    return value.text()


def _number(value: Value | None, labels: dict[str, LabelRule]) -> str | None:
    if value is None:
        return None
    if value.text() not in labels:
        raise value.fault(f"{value.text()} is not under labels")
    return value.text()


def _canonical(value: Value, taxonomy: Taxonomy) -> str:
    if value.text() not in taxonomy.labels:
        raise value.fault(f"{value.text()} is no label of taxonomy {taxonomy.edition}")
    return value.text()


def _labels(section: Value, taxonomy: Taxonomy) -> dict[str, LabelRule]:
    rules: dict[str, LabelRule] = {}
    for key, value in section.fields():
        if value.is_text:
            rules[key.key] = LabelRule(raw=key.key, to=_canonical(value, taxonomy))
            continue
        fields = value.section(
            required=frozenset({"to"}), optional=frozenset({"direction", "threshold", "confidence"})
        )
        rules[key.key] = LabelRule(
            raw=key.key,
            to=_canonical(fields["to"], taxonomy),
            direction=_direction(fields["direction"]) if "direction" in fields else None,
            threshold=fields["threshold"].number(0, 1) if "threshold" in fields else None,
            confidence=fields["confidence"].number(0, 1) if "confidence" in fields else 1.0,
        )
    if not rules:
        raise section.fault("a vendor has at least one label")
    return rules


def _add_safe(section: Value, labels: dict[str, LabelRule]) -> None:
    for value in section.items():
        if value.text() in labels:
            raise value.fault(f"{value.text()} is there twice: a label is either safe or not")
        labels[value.text()] = LabelRule(raw=value.text(), to=SAFE)


def _safe_confidence(value: Value | None) -> float:
    if value is None:
        return UNMEASURED_SAFE
    fields = value.section(required=frozenset({"value", "source"}), optional=frozenset())
    fields["source"].text()  # for people; a figure without one is refused
    return fields["value"].number(0, 1)


def _direction(value: Value) -> Direction:
    if value.text() not in set(Direction):
        raise value.fault(f"{value.text()} is no direction; the directions are {', '.join(Direction)}")
    return Direction(value.text())


def _score(section: Value) -> ScoreRule:
    fields = section.section(required=frozenset({"direction"}), optional=_SCORE_FIELDS - {"direction"})
    direction = _direction(fields["direction"])
    if direction is Direction.ENUM and "table" not in fields:
        raise section.fault("the direction enum needs a table")
    if direction is Direction.SEVERITY and "max" not in fields:
        raise section.fault("the direction severity needs a max")
    if "of" in fields and fields["of"].text() not in set(ScoreOf):
        raise fields["of"].fault(f"must be one of {', '.join(ScoreOf)}")

    def share(name: str, otherwise: float) -> float:
        return fields[name].number(0, 1) if name in fields else otherwise

    return ScoreRule(
        direction=direction,
        threshold=share("threshold", 0.5),
        maximum=_maximum(fields["max"]) if "max" in fields else 1.0,
        table=_table(fields["table"]) if "table" in fields else {},
        default=share("default", 1.0),
        of=ScoreOf(fields["of"].text()) if "of" in fields else ScoreOf.LABEL,
        safe_above=share("safe_above", 0.5),
        top_wins=fields["top_wins"].boolean() if "top_wins" in fields else False,
    )


def _maximum(value: Value) -> float:
    maximum = value.number(0, _MAX_SEVERITY)
    if maximum == 0:
        raise value.fault("must be above 0")
    return maximum


def _table(section: Value) -> dict[str, float]:
    table: dict[str, float] = {}
    for key, value in section.fields():
        if key.key != key.key.upper():
            raise key.fault("levels are written in upper case")
        table[key.key] = value.number(0, 1)
    return table
