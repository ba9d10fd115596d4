"""What stands in a bundle, read from regorus' syntax trees."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestration_svc.domain.policy_bundle import DATA, PACKAGE, BundleFacts, Called
from orchestration_svc.domain.policy_program import JsonObject

_Step = str | None
"""One step of a reference; None where it is not fixed, as in `x[y]`."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """A reference, a call, or what a `with` replaces."""

    kind: str
    steps: tuple[_Step, ...]
    line: int


def facts_of(modules: list[JsonObject]) -> BundleFacts:
    """Collect packages, rules, calls and escapes of parsed modules."""
    packages: dict[str, str] = {}
    rules: list[str] = []
    functions: list[str] = []
    calls: list[Called] = []
    escapes: list[str] = []
    own = _own_names(modules)
    read: set[_Step] = set()
    for module in modules:
        path, tree = str(module["source"]["file"]), module["ast"]
        package = _dotted(_steps(tree["package"]["refr"]))
        packages[path] = package
        if not tree.get("rego_v1", False):
            escapes.append(f"{path}: only Rego v1 is taken")
        for name, is_function in map(_rule_name, tree["rules"]):
            (functions if is_function else rules).append(f"data.{package}.{name}")
        imported = _imported(tree["imports"], path, escapes)
        read |= {None for one in tree["imports"] if _steps(one["refr"])[0] == "input"}
        for seen in _walk(tree["rules"], line=1):
            read |= _read_by(seen)
            if seen.kind == "call":
                calls.append(Called(_called(seen.steps, package, own[package], imported), path, seen.line))
            elif problem := _problem(seen):
                escapes.append(f"{path}: line {seen.line}: {problem}")
    return BundleFacts(
        packages,
        tuple(dict.fromkeys(rules)),
        tuple(functions),
        tuple(calls),
        tuple(escapes),
        None if None in read else frozenset(name for name in read if name is not None),
    )


def moved(modules: list[JsonObject], prefix: str) -> dict[str, str]:
    """Return the sources with package and every mention of `data` put below `data.<prefix>`.

    However a reference is written, its root is then below that prefix, so that modules of several tenants
    can be loaded side by side.
    """
    sources: dict[str, str] = {}
    for module in modules:
        tree = module["ast"]
        text = str(module["source"]["contents"]).encode()
        places = [(_root_span(tree["package"]["refr"]), f"{prefix}.{PACKAGE}")]
        places += [(span, f"data.{prefix}") for span in _data_spans([tree["imports"], tree["rules"]])]
        unique = {(span["start"], span["end"]): new for span, new in places}
        for (start, end), new in sorted(unique.items(), reverse=True):
            text = text[:start] + new.encode() + text[end:]
        sources[str(module["source"]["file"])] = text.decode()
    return sources


def _read_by(seen: _Seen) -> set[_Step]:
    """Return the field of ``input`` that is read, None for all of them; nothing where none is."""
    if seen.kind == "with" or seen.steps[0] != "input":
        return set()
    return {seen.steps[1] if len(seen.steps) > 1 else None}


def _problem(seen: _Seen) -> str | None:
    steps = seen.steps
    if seen.kind == "with":
        if steps[0] == "input" or steps[:2] == ("data", DATA):
            return None
        return f"'with' can replace input and data.{DATA} only"
    if steps[0] != "data":
        return None
    if len(steps) == 1 or steps[1] not in (PACKAGE, DATA):
        return f"a policy can read data.{PACKAGE} and data.{DATA} only"
    if steps[1] == PACKAGE and (len(steps) == 2 or steps[2] is None):  # noqa: PLR2004 - data, policy, and a name
        return "rules are named, not looked up"
    return None


def _own_names(modules: list[JsonObject]) -> dict[str, set[str]]:
    """Return by package the first words of its rules' names, of whatever module."""
    own: dict[str, set[str]] = {}
    for module in modules:
        names = own.setdefault(_dotted(_steps(module["ast"]["package"]["refr"])), set())
        names |= {_rule_name(rule)[0].partition(".")[0] for rule in module["ast"]["rules"]}
    return own


def _imported(imports: list[JsonObject], path: str, escapes: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in imports:
        steps = _steps(one["refr"])
        if steps == ("rego", "v1"):
            continue
        if steps[:2] != ("data", PACKAGE) or len(steps) < 3 or None in steps or one.get("as"):  # noqa: PLR2004
            line = one["span"]["line"]
            escapes.append(f"{path}: line {line}: an import is rego.v1 or data.{PACKAGE}.…, without 'as'")
        else:
            found[str(steps[-1])] = _dotted(steps)
    return found


def _called(steps: tuple[_Step, ...], package: str, own: set[str], imported: dict[str, str]) -> str:
    first = str(steps[0])
    if first in own:
        return f"data.{package}.{_dotted(steps)}"
    if first in imported:
        return ".".join([imported[first], *(step or "?" for step in steps[1:])])
    return _dotted(steps)


def _rule_name(rule: JsonObject) -> tuple[str, bool]:
    """Return the fixed part of a rule's name, and whether it is a function."""
    if "Default" in rule:
        default = rule["Default"]
        return _fixed(_steps(default["refr"])), bool(default.get("args"))
    ((kind, head),) = rule["Spec"]["head"].items()
    return _fixed(_steps(head["refr"])), kind == "Func"


def _fixed(steps: tuple[_Step, ...]) -> str:
    fixed: list[str] = []
    for step in steps:
        if step is None:
            break
        fixed.append(step)
    return ".".join(fixed)


def _walk(node: Any, line: int) -> Iterator[_Seen]:  # noqa: ANN401 - any piece of a syntax tree
    if isinstance(node, list):
        for child in node:
            yield from _walk(child, line)
    if not isinstance(node, dict):
        return
    span = node.get("span")
    line = int(span["line"]) if isinstance(span, dict) else line
    if _is_reference(node):
        yield _Seen("reference", _steps(node), _line(node))
        yield from _walk(list(_indexes(node)), line)
        return
    if "Call" in node:
        call = node["Call"]
        yield _Seen("call", _steps(call["fcn"]), int(call["span"]["line"]))
        yield from _walk(call["params"], line)
        return
    for key, child in node.items():
        if key == "with_mods":
            for one in child:
                yield _Seen("with", _steps(one["refr"]), int(one["span"]["line"]))
                yield from _walk(one["as"], line)
        elif key != "span":
            yield from _walk(child, line)


def _is_reference(node: JsonObject) -> bool:
    return "RefDot" in node or "RefBrack" in node or isinstance(node.get("Var"), dict)


def _line(node: JsonObject) -> int:
    return int(_root_span(node)["line"])


def _steps(node: JsonObject) -> tuple[_Step, ...]:
    if "RefDot" in node:
        return (*_steps(node["RefDot"]["refr"]), str(node["RefDot"]["field"][1]))
    if "RefBrack" in node:
        index = node["RefBrack"]["index"]
        fixed = index.get("String") or index.get("RawString")
        return (*_steps(node["RefBrack"]["refr"]), str(fixed["value"]) if fixed else None)
    if isinstance(node.get("Var"), dict):
        return (str(node["Var"]["value"]),)
    return (None,)


def _indexes(node: JsonObject) -> Iterator[JsonObject]:
    """Yield what is looked up along a reference, and its root where that is no name."""
    if "RefDot" in node:
        yield from _indexes(node["RefDot"]["refr"])
    elif "RefBrack" in node:
        yield from _indexes(node["RefBrack"]["refr"])
        yield node["RefBrack"]["index"]
    elif "Var" not in node:
        yield node


def _root_span(node: JsonObject) -> JsonObject:
    while "RefDot" in node or "RefBrack" in node:
        node = (node.get("RefDot") or node["RefBrack"])["refr"]
    ((_, inner),) = node.items()
    span: JsonObject = inner["span"]
    return span


def _data_spans(node: Any) -> Iterator[JsonObject]:  # noqa: ANN401 - any piece of a syntax tree
    if isinstance(node, list):
        for child in node:
            yield from _data_spans(child)
    elif isinstance(node, dict):
        variable = node.get("Var")
        if isinstance(variable, dict) and variable.get("value") == "data":
            yield variable["span"]
        for key, child in node.items():
            if key != "span":
                yield from _data_spans(child)


def _dotted(steps: tuple[_Step, ...]) -> str:
    return ".".join("?" if step is None else step for step in steps)
