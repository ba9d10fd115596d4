"""Any server that takes and answers JSON: a template for the request, JMESPath for the answer.

Expressions come from tenants and are run on answers of servers they chose. Only parts of the language that
look something up are taken: with functions, pipes or lists made on the spot a short expression could make
an answer grow without end.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import jmespath
import msgspec
from jmespath.exceptions import JMESPathError
from jmespath.parser import ParsedResult
from msgspec import Meta

from orchestration_svc.adapters.detectors.answer_parts import label_of, maybe_offset, number_of
from orchestration_svc.adapters.detectors.http_detector import WrongShapeError
from orchestration_svc.domain.detection import DetectorOutput, JsonValue

_PLACE = "{text}"
_TEMPLATE_DEPTH = 16
_LOOKS_UP = frozenset(
    {
        "field", "subexpression", "index", "index_expression", "slice", "projection", "value_projection",
        "filter_projection", "flatten", "comparator", "and_expression", "or_expression", "not_expression",
        "literal", "identity", "current",
    }
)  # fmt: skip

Expression = Annotated[str, Meta(min_length=1, max_length=200)]


class GenericOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the server is asked and read.

    ``request`` is the body to POST; the value ``{text}`` in it stands for the text. ``entries`` finds the
    list of what was found, or an object of labels with their scores. The others are looked up in each entry;
    without ``label`` an entry is the label.
    """

    request: dict[str, Any]
    entries: Expression
    path: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9_./~-]{0,200}$(?!\n)")] = "/"
    label: Expression | None = None
    score: Expression | None = None
    severity: Expression | None = None
    start: Expression | None = None
    end: Expression | None = None


class GenericJson:
    """Keeps what the expressions find, as label, score, severity and place.

    Args:
        options: the template and the expressions.

    Raises:
        ValueError: naming the option that cannot be used.
    """

    def __init__(self, options: GenericOptions) -> None:
        self.path = options.path
        self.headers: dict[str, str] = {}
        if _PLACE not in _leaves(options.request, _TEMPLATE_DEPTH):
            raise ValueError("options.request: the value '{text}' stands nowhere")
        self._request = options.request
        self._entries = _compiled("entries", options.entries)
        self._parts = {
            name: _compiled(name, expression)
            for name in ("label", "score", "severity", "start", "end")
            if (expression := getattr(options, name)) is not None
        }

    def body(self, text: str) -> JsonValue:
        """Return the request for one text."""
        return _filled(self._request, text)

    def reduce(self, answer: JsonValue, text: str) -> DetectorOutput:
        """Make a list of labels of what is found; WrongShapeError."""
        del text
        found = _search(self._entries, answer)
        if isinstance(found, dict):
            found = [{"label": label, "score": score} for label, score in found.items()]
            entries = [_entry(one["label"], one) for one in found]
        elif isinstance(found, list):
            entries = [self._read(one) for one in found]
        else:
            raise WrongShapeError  # null too: an expression that finds nothing there is no "nothing found"
        return DetectorOutput(entries, max((one["score"] for one in entries if "score" in one), default=None))

    def _read(self, entry: JsonValue) -> dict[str, JsonValue]:
        parts = {name: _search(expression, entry) for name, expression in self._parts.items()}
        return _entry(parts.get("label") if "label" in self._parts else entry, parts)


def _entry(label: JsonValue, parts: dict[str, JsonValue]) -> dict[str, JsonValue]:
    kept: dict[str, JsonValue] = {"label": label_of(label)}
    if parts.get("score") is not None:
        kept["score"] = number_of(parts["score"])
    severity = parts.get("severity")
    if isinstance(severity, str):
        kept["severity"] = label_of(severity)
    elif severity is not None:
        kept["severity"] = number_of(severity, low=-1000.0, high=1000.0)
    for name in ("start", "end"):
        if (place := maybe_offset(parts.get(name))) is not None:
            kept[name] = place
    return kept


def _compiled(name: str, expression: str) -> ParsedResult:
    try:
        compiled = jmespath.compile(expression)
    except (JMESPathError, RecursionError):
        raise ValueError(f"options.{name}: it is no JMESPath expression") from None
    if beyond := _node_types(compiled.parsed) - _LOOKS_UP:
        raise ValueError(f"options.{name}: '{min(beyond)}' is not taken; an expression may only look up")
    return compiled


def _node_types(node: Mapping[str, Any]) -> set[str]:
    found: set[str] = set()
    waiting: list[Mapping[str, Any]] = [node]
    while waiting:
        one = waiting.pop()
        found.add(str(one["type"]))
        waiting += [child for child in one.get("children", ()) if isinstance(child, dict)]
    return found


def _search(expression: ParsedResult, value: JsonValue) -> JsonValue:
    try:
        return expression.search(value)
    except (JMESPathError, TypeError, ValueError):
        raise WrongShapeError from None


def _leaves(template: JsonValue, levels: int) -> list[JsonValue]:
    if levels == 0:
        raise ValueError("options.request: it is nested too deep")
    if isinstance(template, dict | list):
        parts = template.values() if isinstance(template, dict) else template
        return [leaf for part in parts for leaf in _leaves(part, levels - 1)]
    return [template]


def _filled(template: JsonValue, text: str) -> JsonValue:
    if isinstance(template, dict):
        return {name: _filled(part, text) for name, part in template.items()}
    if isinstance(template, list):
        return [_filled(part, text) for part in template]
    return text if template == _PLACE else template
