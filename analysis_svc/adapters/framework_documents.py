"""A tenant's framework as the one document that is kept of it."""

import hashlib
from collections import defaultdict
from typing import Any

import msgspec

from analysis_svc.domain.catalogue import Control, ControlLink, Framework, JudgedOn, Priority, Relation
from analysis_svc.domain.own_frameworks import OwnFramework


class _Control(msgspec.Struct, frozen=True):
    id: str
    title: str
    statement: str
    priority: Priority
    judged_on: JudgedOn


class _Link(msgspec.Struct, frozen=True):
    label: str
    control: str
    relation: Relation
    why: str


class _Document(msgspec.Struct, frozen=True):
    id: str
    title: str
    edition: str
    source: str
    controls: list[_Control]
    links: list[_Link]


def document_of(own: OwnFramework) -> dict[str, Any]:
    """Return all of a framework but its version, as JSON values."""
    framework = own.framework
    document = _Document(
        id=framework.id,
        title=framework.title,
        edition=framework.edition,
        source=framework.source,
        controls=[
            _Control(one.id, one.title, one.statement, one.priority, one.judged_on)
            for one in framework.controls.values()
        ],
        links=[
            _Link(label, link.control.id, link.relation, link.rationale)
            for label, links in sorted(own.links.items())
            for link in links
        ],
    )
    built: dict[str, Any] = msgspec.to_builtins(document)
    return built


def digest_of(document: dict[str, Any]) -> bytes:
    """SHA-256 over the document as canonical JSON."""
    return hashlib.sha256(msgspec.json.encode(document, order="sorted")).digest()


def framework_of(document: object, version: int) -> OwnFramework:
    """Read a kept document.

    Raises:
        msgspec.ValidationError: it is not one that `document_of` made.
    """
    kept = msgspec.convert(document, _Document)
    controls = {
        one.id: Control(kept.id, one.id, one.title, one.statement, one.priority, one.judged_on)
        for one in kept.controls
    }
    links: dict[str, list[ControlLink]] = defaultdict(list)
    for one in kept.links:
        links[one.label].append(ControlLink(controls[one.control], one.relation, one.why))
    framework = Framework(kept.id, kept.title, kept.edition, kept.source, controls)
    return OwnFramework(framework, {label: tuple(found) for label, found in links.items()}, version)
