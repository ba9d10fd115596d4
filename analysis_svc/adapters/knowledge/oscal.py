"""Reads an OSCAL catalogue as it is published: groups, controls, enhancements, their statements."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from analysis_svc.adapters.knowledge.unreadable import UnreadableError
from analysis_svc.domain.knowledge.passages import Section

_INSERT = re.compile(r"\{\{\s*insert:\s*param,\s*([^}\s]+)\s*\}\}")
_MOST_DEPTH = 12
_Node = Mapping[str, Any]


def read_oscal(content: bytes) -> list[Section]:
    """Read each control's statement, and its guidance as a section of the same name.

    Parameters are written as the official texts write them: [Assignment: …] and [Selection: …].

    Raises:
        UnreadableError: it is no OSCAL catalogue in JSON.
    """
    try:
        catalogue = json.loads(content)["catalog"]
        return list(_sections(catalogue, (), 0))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise UnreadableError("it is no OSCAL catalogue in JSON") from None


def _sections(node: _Node, path: tuple[str, ...], depth: int) -> Iterator[Section]:
    if depth > _MOST_DEPTH:
        raise UnreadableError(f"controls are nested more than {_MOST_DEPTH} deep")
    for group in node.get("groups", []):
        label = " ".join(part for part in (group.get("id", "").upper(), group["title"]) if part)
        yield from _sections(group, (*path, label), depth + 1)
    for control in node.get("controls", []):
        if _prop(control, "status") != "withdrawn":
            name = _prop(control, "label") or str(control["id"]).upper()
            own = (*path, f"{name} {control['title']}")
            parameters = {one["id"]: one for one in _parameters(control)}
            for part in control.get("parts", []):
                if part.get("name") in {"statement", "guidance"}:
                    text = "\n".join(_lines(part, parameters, 0))
                    if text:
                        title = control["title"] + (": discussion" if part["name"] == "guidance" else "")
                        yield Section(name, title, own, text)
        yield from _sections(control, path, depth + 1)


def _prop(node: _Node, name: str) -> str:
    # The plain one: others of the same name carry a class, such as zero-padded.
    values = [one for one in node.get("props", []) if one.get("name") == name and "class" not in one]
    return str(values[0]["value"]) if values else ""


def _parameters(control: _Node) -> Iterator[_Node]:
    yield from control.get("params", [])


def _lines(part: _Node, parameters: Mapping[str, _Node], depth: int) -> Iterator[str]:
    if depth > _MOST_DEPTH:
        raise UnreadableError(f"statements are nested more than {_MOST_DEPTH} deep")
    if prose := str(part.get("prose", "")).strip():
        label = next((one["value"] for one in part.get("props", []) if one.get("name") == "label"), "")
        yield " ".join(word for word in (label, _filled(prose, parameters, 0)) if word)
    for below in part.get("parts", []):
        yield from _lines(below, parameters, depth + 1)


def _filled(prose: str, parameters: Mapping[str, _Node], depth: int) -> str:
    return _INSERT.sub(lambda found: _parameter(parameters.get(found[1]), parameters, depth), prose)


def _parameter(parameter: _Node | None, parameters: Mapping[str, _Node], depth: int) -> str:
    if parameter is None or depth > _MOST_DEPTH:
        return "[Assignment: organization-defined value]"
    if choices := parameter.get("select", {}).get("choice"):
        many = parameter["select"].get("how-many") == "one-or-more"
        filled = "; ".join(_filled(str(one), parameters, depth + 1) for one in choices)
        return f"[Selection{' (one or more)' if many else ''}: {filled}]"
    label = str(parameter.get("label", "value"))
    if not label.startswith("organization-defined"):
        label = f"organization-defined {label}"
    return f"[Assignment: {label}]"
