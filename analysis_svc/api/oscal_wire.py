"""An OSCAL catalogue as it is published, read into a draft of a framework.

Only what a framework needs is looked at; the format is that of the OSCAL catalogue model, JSON, version 1.
"""

import re
from collections.abc import Iterator, Mapping

import msgspec

from analysis_svc.api.problems import decoding_fault
from analysis_svc.domain.check_framework import MAX_STATEMENT, DraftControl, FrameworkDraft
from analysis_svc.domain.errors import ErrorCode, ServiceError

_INSERT = re.compile(r"\{\{\s*insert:\s*param,\s*([^\s{}]{1,100})\s*\}\}")
_DEEPEST = 12
# Parameters name parameters; so deep they are followed, and so long may one be.
_PARAM_DEPTH = 3
_PARAM_LIMIT = 400


class _Prop(msgspec.Struct, frozen=True):
    name: str
    value: str
    kind: str | None = msgspec.field(default=None, name="class")


class _Select(msgspec.Struct, frozen=True):
    choice: list[str] = []


class _Param(msgspec.Struct, frozen=True):
    id: str
    label: str | None = None
    values: list[str] = []
    select: _Select | None = None


class _Part(msgspec.Struct, frozen=True):
    name: str
    prose: str = ""
    props: list[_Prop] = []
    parts: list["_Part"] = []


class _Control(msgspec.Struct, frozen=True):
    id: str
    title: str
    props: list[_Prop] = []
    params: list[_Param] = []
    parts: list[_Part] = []
    controls: list["_Control"] = []


class _Group(msgspec.Struct, frozen=True):
    title: str
    controls: list[_Control] = []
    groups: list["_Group"] = []


class _Metadata(msgspec.Struct, frozen=True):
    title: str
    version: str


class _Catalog(msgspec.Struct, frozen=True):
    uuid: str
    metadata: _Metadata
    groups: list[_Group] = []
    controls: list[_Control] = []


def read_oscal(catalog: object, *, framework: str, links_from: str | None) -> FrameworkDraft:
    """Turn the value of an OSCAL document's ``catalog`` into a draft.

    A control's id is its label, such as AC-2(1), or its id where it has none; its statement is the prose of
    the part ``statement`` with parameters put in. Controls marked as withdrawn are left out.

    Raises:
        ServiceError: INVALID_REQUEST naming the field that is not as OSCAL has it.
    """
    try:
        read = msgspec.convert(catalog, _Catalog)
        found = list(_controls(read))
    except msgspec.ValidationError as error:
        fault = decoding_fault(error)
        field = "catalog" if fault.field in {None, "body"} else f"catalog.{fault.field}"
        raise ServiceError(fault.code, fault.detail, field=field) from None
    except RecursionError:
        raise _too_deep() from None
    params = _Parameters({param.id: param for control in found for param in control.params})
    return FrameworkDraft(
        id=framework,
        title=read.metadata.title,
        edition=read.metadata.version,
        source=f"OSCAL catalogue {read.uuid}",
        controls=[
            DraftControl(_label(one), one.title, _statement(one, params) or one.title)
            for one in found
            if not _withdrawn(one)
        ],
        links_from=links_from,
    )


def _controls(catalog: _Catalog) -> Iterator[_Control]:
    yield from _below(catalog.controls, 0)
    groups = [(group, 0) for group in reversed(catalog.groups)]
    while groups:
        group, depth = groups.pop()
        if depth > _DEEPEST:
            raise _too_deep()
        yield from _below(group.controls, 0)
        groups.extend((inner, depth + 1) for inner in reversed(group.groups))


def _below(controls: list[_Control], depth: int) -> Iterator[_Control]:
    if depth > _DEEPEST:
        raise _too_deep()
    for control in controls:
        yield control
        yield from _below(control.controls, depth + 1)


def _label(control: _Control) -> str:
    labels = [prop.value for prop in control.props if prop.name == "label" and prop.kind is None]
    return labels[0] if labels else control.id


def _withdrawn(control: _Control) -> bool:
    return any(prop.name == "status" and prop.value.lower() == "withdrawn" for prop in control.props)


class _Parameters:
    """Puts parameters into prose; each is worked out once, so that names of names cost nothing."""

    def __init__(self, params: Mapping[str, _Param]) -> None:
        self._params = params
        self._shown: dict[tuple[str, int], str] = {}

    def put_into(self, prose: str, depth: int = 0) -> str:
        """Return the prose with each parameter's values, choices or label in its place."""
        return _INSERT.sub(lambda match: self._text(match[1], depth), prose)

    def _text(self, name: str, depth: int) -> str:
        param = self._params.get(name)
        if param is None or depth >= _PARAM_DEPTH:
            return "[…]"
        if (name, depth) not in self._shown:
            self._shown[name, depth] = self._worked_out(param, depth)[:_PARAM_LIMIT]
        return self._shown[name, depth]

    def _worked_out(self, param: _Param, depth: int) -> str:
        if param.values:
            return ", ".join(param.values)
        if param.select and param.select.choice:
            return f"[Selection: {self.put_into('; '.join(param.select.choice)[:_PARAM_LIMIT], depth + 1)}]"
        return f"[{self.put_into((param.label or param.id)[:_PARAM_LIMIT], depth + 1)}]"


def _statement(control: _Control, params: _Parameters) -> str:
    pieces: list[str] = []
    for part in control.parts:
        if part.name == "statement":
            _gather(part, params, pieces, 0)
    return " ".join(pieces)


def _gather(part: _Part, params: _Parameters, pieces: list[str], depth: int) -> None:
    if depth > _DEEPEST:
        raise _too_deep()
    # Before parameters are put in: they make prose longer, by as much as somebody likes.
    if len(part.prose) > MAX_STATEMENT or (part.prose and sum(map(len, pieces)) > MAX_STATEMENT):
        raise ServiceError(
            ErrorCode.INVALID_REQUEST,
            f"a control's statement has at most {MAX_STATEMENT} characters",
            field="catalog",
        )
    label = next((prop.value for prop in part.props if prop.name == "label" and prop.kind is None), "")
    pieces.extend(piece for piece in (label, params.put_into(part.prose).strip()) if piece)
    for inner in part.parts:
        _gather(inner, params, pieces, depth + 1)


def _too_deep() -> ServiceError:
    return ServiceError(
        ErrorCode.INVALID_REQUEST, f"groups, controls and parts nest {_DEEPEST} deep at most", field="catalog"
    )
