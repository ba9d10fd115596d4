"""The rules that a tenant's own framework must meet before it is kept."""

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis_svc.domain.catalogue import (
    Catalogue,
    Control,
    ControlLink,
    Framework,
    JudgedOn,
    Priority,
    Relation,
)
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.own_frameworks import OwnFramework

MAX_CONTROLS = 2_000
MAX_LINKS = 5_000
MAX_STATEMENT = 8_000
MAX_TITLE = 300
MAX_EDITION = 60
MAX_RATIONALE = 200

_ID = re.compile(r"[a-z][a-z0-9-]{1,47}", re.ASCII)
_CONTROL_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:()/-]{0,63}", re.ASCII)
_BLANKS = re.compile(r"\s+")
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class DraftControl:
    """A control as it was sent."""

    id: str
    title: str
    statement: str
    priority: Priority | None = None
    judged_on: JudgedOn | None = None


@dataclass(frozen=True, slots=True)
class DraftLink:
    """A link as it was sent."""

    label: str
    control: str
    relation: Relation
    why: str


@dataclass(frozen=True, slots=True)
class FrameworkDraft:
    """A framework as it was sent.

    ``links_from`` names a shipped framework: a control that has the same id there takes over its links, and
    its priority and what it is judged on where the draft does not say.
    """

    id: str
    title: str
    edition: str
    source: str
    controls: Sequence[DraftControl]
    links: Sequence[DraftLink] = ()
    links_from: str | None = None


def check_framework(draft: FrameworkDraft, shipped: Catalogue) -> OwnFramework:
    """Turn a draft into a framework.

    Raises:
        ServiceError: INVALID_REQUEST naming the first field that is wrong and the limit it breaks.
    """
    if not _ID.fullmatch(draft.id):
        raise _invalid("id", "an id is 2 to 48 small letters, digits or -, and begins with a letter")
    if draft.id in shipped.frameworks:
        raise _invalid("id", "this is the id of a shipped framework; choose another")
    if draft.links_from is not None and draft.links_from not in shipped.frameworks:
        known = ", ".join(sorted(shipped.frameworks))
        raise _invalid("links_from", f"no shipped framework has this id; they are {known}")
    if not 1 <= len(draft.controls) <= MAX_CONTROLS:
        raise _invalid("controls", f"a framework has 1 to {MAX_CONTROLS} controls, got {len(draft.controls)}")
    if len(draft.links) > MAX_LINKS:
        raise _invalid("links", f"a framework has at most {MAX_LINKS} links, got {len(draft.links)}")
    like = shipped.frameworks[draft.links_from].controls if draft.links_from else {}
    controls: dict[str, Control] = {}
    for index, one in enumerate(draft.controls):
        where = f"controls[{index}]"
        if not _CONTROL_ID.fullmatch(one.id):
            raise _invalid(f"{where}.id", "an id is 1 to 64 letters, digits, spaces or ._:()/-")
        if one.id in controls:
            raise _invalid(f"{where}.id", f"the control {one.id} is given twice")
        controls[one.id] = _control(draft.id, one, where, like.get(one.id))
    framework = Framework(
        id=draft.id,
        title=_text(draft.title, "title", MAX_TITLE),
        edition=_text(draft.edition, "edition", MAX_EDITION),
        source=_text(draft.source, "source", MAX_TITLE),
        controls=controls,
    )
    links = _links(draft, controls, shipped)
    return OwnFramework(framework, {label: tuple(found) for label, found in links.items()})


def _control(framework: str, one: DraftControl, where: str, like: Control | None) -> Control:
    return Control(
        framework=framework,
        id=one.id,
        title=_text(one.title, f"{where}.title", MAX_TITLE),
        statement=_text(one.statement, f"{where}.statement", MAX_STATEMENT),
        priority=one.priority or (like.priority if like else Priority.MEDIUM),
        # Only who says so, of a control or of the shipped one it equals, has it judged on a single text.
        judged_on=one.judged_on or (like.judged_on if like else JudgedOn.PROGRAMME),
    )


def _links(
    draft: FrameworkDraft, controls: Mapping[str, Control], shipped: Catalogue
) -> dict[str, list[ControlLink]]:
    links: dict[str, list[ControlLink]] = defaultdict(list)
    tied: set[tuple[str, str]] = set()
    whys: dict[str, int] = {}
    for index, one in enumerate(draft.links):
        where = f"links[{index}]"
        if one.label not in shipped.links:
            raise _invalid(f"{where}.label", "no label that bears on controls has this name")
        if one.control not in controls:
            raise _invalid(f"{where}.control", "this framework has no control of that id")
        if (one.label, one.control) in tied:
            raise _invalid(where, "this label and this control are tied already")
        why = _text(one.why, f"{where}.why", MAX_RATIONALE)
        if why in whys:
            raise _invalid(f"{where}.why", f"the same rationale stands at links[{whys[why]}]; write its own")
        tied.add((one.label, one.control))
        whys[why] = index
        links[one.label].append(ControlLink(controls[one.control], one.relation, why))
    for label, known in shipped.links.items():
        for link in known:
            equal = controls.get(link.control.id) if link.control.framework == draft.links_from else None
            if equal is not None and (label, equal.id) not in tied:
                links[label].append(ControlLink(equal, link.relation, link.rationale))
    return links


def _text(value: str, where: str, limit: int) -> str:
    """The text on one line; what it says stays as it is."""
    # Blanks are worth no more than the limit again, and are not searched for in what is far too long.
    text = _BLANKS.sub(" ", value).strip() if len(value) <= 2 * limit else value
    if not text or len(text) > limit or _CONTROL_CHARACTER.search(text):
        raise _invalid(where, f"must be 1 to {limit} characters, none of them a control character")
    return text


def _invalid(where: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=where)
