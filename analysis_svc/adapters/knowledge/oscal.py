"""Reads an OSCAL catalogue as it is published: groups, controls, enhancements, their statements."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from analysis_svc.adapters.knowledge.unreadable import UnreadableError
from analysis_svc.domain.knowledge.passages import Section

_INSERT = re.compile(r"\{\{\s*insert:\s*param,\s*([^}\s]{1,100})\s*\}\}")
_MOST_DEPTH = 12
# Parameters name parameters; so deep they are followed, and so long may one be.
_PARAM_DEPTH = 3
_PARAM_LIMIT = 2_000
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
            parameters = _Parameters({one["id"]: one for one in control.get("params", [])})
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


class _Parameters:
    """Puts parameters into prose; each is worked out once, so that names of names cost nothing."""

    def __init__(self, parameters: Mapping[str, _Node]) -> None:
        self._parameters = parameters
        self._shown: dict[tuple[str, int], str] = {}

    def put_into(self, prose: str, depth: int = 0) -> str:
        """Return the prose with each parameter's choices or label in its place."""
        return _INSERT.sub(lambda found: self._text(found[1], depth), prose)

    def _text(self, name: str, depth: int) -> str:
        parameter = self._parameters.get(name)
        if parameter is None or depth >= _PARAM_DEPTH:
            return "[Assignment: organization-defined value]"
        if (name, depth) not in self._shown:
            self._shown[name, depth] = self._worked_out(parameter, depth)[:_PARAM_LIMIT]
        return self._shown[name, depth]

    def _worked_out(self, parameter: _Node, depth: int) -> str:
        if choices := parameter.get("select", {}).get("choice"):
            many = parameter["select"].get("how-many") == "one-or-more"
            filled = self.put_into("; ".join(map(str, choices))[:_PARAM_LIMIT], depth + 1)
            return f"[Selection{' (one or more)' if many else ''}: {filled}]"
        label = str(parameter.get("label", "value"))
        if not label.startswith("organization-defined"):
            label = f"organization-defined {label}"
        return f"[Assignment: {label}]"


def _lines(part: _Node, parameters: _Parameters, depth: int) -> Iterator[str]:
    if depth > _MOST_DEPTH:
        raise UnreadableError(f"statements are nested more than {_MOST_DEPTH} deep")
    if prose := str(part.get("prose", "")).strip():
        label = next((one["value"] for one in part.get("props", []) if one.get("name") == "label"), "")
        yield " ".join(word for word in (label, parameters.put_into(prose)) if word)
    for below in part.get("parts", []):
        yield from _lines(below, parameters, depth + 1)
