"""Reads the framework catalogues and the map from labels to controls."""

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from analysis_svc.adapters.yaml_entry import DataFileError, Entry, read_yaml
from analysis_svc.domain.catalogue import (
    SAFE,
    Control,
    ControlLink,
    Framework,
    JudgedOn,
    Priority,
    Relation,
    Taxonomy,
)
from analysis_svc.domain.cite import MAX_QUOTE

MAX_RATIONALE = 200


def load_frameworks(folder: Path) -> dict[str, Framework]:
    """Read every framework of a folder, keyed by id; the id is the file's name.

    Raises:
        DataFileError: with file and line of the first fault.
    """
    frameworks = [_framework(path) for path in sorted(folder.glob("*.yaml"))]
    if not frameworks:
        raise DataFileError(f"{folder}: no framework file found")
    return {framework.id: framework for framework in frameworks}


def _framework(path: Path) -> Framework:
    fields = read_yaml(path).fields(("id", "title", "edition", "source", "default", "controls"))
    identifier = fields["id"].text()
    if identifier != path.stem:
        raise fields["id"].fault(f"id {identifier!r} does not match the file's name")
    return Framework(
        id=identifier,
        title=fields["title"].text(),
        edition=fields["edition"].text(),
        source=fields["source"].text(),
        default=fields["default"].truth(),
        controls={key.text(): _control(identifier, key, value) for key, value in fields["controls"].pairs()},
    )


def _control(framework: str, key: Entry, value: Entry) -> Control:
    fields = value.fields(("title", "statement", "priority", "judged_on"))
    return Control(
        framework=framework,
        id=key.text(),
        title=fields["title"].text(limit=120),
        statement=fields["statement"].text(limit=MAX_QUOTE),
        priority=fields["priority"].choice(Priority),
        judged_on=fields["judged_on"].choice(JudgedOn),
    )


def find_control(entry: Entry, frameworks: Mapping[str, Framework]) -> Control:
    """The control that a text such as `iso27001 A.8.12` names."""
    framework, _, control = entry.text().partition(" ")
    if framework not in frameworks:
        raise entry.fault(f"unknown framework {framework!r}")
    if control not in frameworks[framework].controls:
        raise entry.fault(f"{control!r} is no control of framework {framework}")
    return frameworks[framework].controls[control]


def load_control_map(
    folder: Path, taxonomy: Taxonomy, frameworks: Mapping[str, Framework]
) -> tuple[dict[str, tuple[ControlLink, ...]], dict[str, str]]:
    """Read which label bears on which control, and which labels bear on none and why.

    The files of the folder hold every label once, with controls of the default frameworks ("framework id");
    each file of its folder `further` holds those of the one framework it is named after ("id").

    Raises:
        DataFileError: with file and line of the first fault: an unknown label or control, a label or
            control given twice, no rationale, one rationale used twice, or a label left out.
    """
    links: dict[str, list[ControlLink]] = {}
    unmapped: dict[str, str] = {}
    rationales: dict[str, str] = {}
    for path in sorted(folder.glob("*.yaml")):
        for key, value in read_yaml(path).pairs():
            label = _label(key, taxonomy)
            if label in links or label in unmapped:
                raise key.fault(f"{label} is mapped in another file as well")
            if value.is_list():
                links[label] = _links(value, lambda entry: find_control(entry, frameworks), rationales)
            else:
                unmapped[label] = value.fields(("none",))["none"].text(limit=MAX_RATIONALE)
    if missing := sorted(taxonomy.labels.keys() - links.keys() - unmapped.keys()):
        raise DataFileError(
            f"{folder}: no mapping for {', '.join(missing)}; give controls, or `none: reason`"
        )
    if SAFE in links:
        raise DataFileError(f"{folder}: {SAFE} is no finding and must bear on no control")
    for path in sorted((folder / "further").glob("*.yaml")):
        for key, found in _further_links(path, frameworks, rationales):
            label = _label(key, taxonomy)
            if label in unmapped:
                raise key.fault(f"{label} bears on no control: {unmapped[label]}")
            links[label] += found
    return {label: tuple(found) for label, found in links.items()}, unmapped


def _further_links(
    path: Path, frameworks: Mapping[str, Framework], rationales: dict[str, str]
) -> Iterator[tuple[Entry, list[ControlLink]]]:
    if path.stem not in frameworks or frameworks[path.stem].default:
        raise DataFileError(f"{path}:1: no further framework has this id")
    find = partial(_control_of, controls=frameworks[path.stem].controls)
    for key, value in read_yaml(path).pairs():
        yield key, _links(value, find, rationales)


def _label(key: Entry, taxonomy: Taxonomy) -> str:
    label = key.text()
    if label not in taxonomy.labels:
        raise key.fault(f"{label!r} is no label of edition {taxonomy.edition}")
    return label


def _control_of(entry: Entry, controls: Mapping[str, Control]) -> Control:
    name = entry.text()
    if name not in controls:
        raise entry.fault(f"{name!r} is no control of framework {entry.path.stem}")
    return controls[name]


def _links(value: Entry, find: Callable[[Entry], Control], rationales: dict[str, str]) -> list[ControlLink]:
    links: list[ControlLink] = []
    for item in value.items():
        fields = item.fields(("control", "relation", "why"))
        control = find(fields["control"])
        if any(link.control == control for link in links):
            raise fields["control"].fault(f"{fields['control'].text()} is given twice for one label")
        rationale = own_words(fields["why"], rationales)
        links.append(ControlLink(control, fields["relation"].choice(Relation), rationale))
    return links


def own_words(entry: Entry, rationales: dict[str, str]) -> str:
    """The rationale that stands here; one that stood somewhere before is a fault."""
    rationale = entry.text(limit=MAX_RATIONALE)
    if rationale in rationales:
        raise entry.fault(f"the same rationale stands at {rationales[rationale]}; write one of its own")
    rationales[rationale] = f"{entry.path.name}:{entry.node.start_mark.line + 1}"
    return rationale
