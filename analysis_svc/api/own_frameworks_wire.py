"""Tenants' own frameworks over the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from analysis_svc.domain.catalogue import JudgedOn, Priority, Relation
from analysis_svc.domain.check_framework import (
    MAX_CONTROLS,
    MAX_EDITION,
    MAX_LINKS,
    MAX_RATIONALE,
    MAX_STATEMENT,
    MAX_TITLE,
    DraftControl,
    DraftLink,
    FrameworkDraft,
)
from analysis_svc.domain.own_frameworks import Decision, FrameworkVersion, OwnFramework, VersionState

FrameworkId = Annotated[str, Meta(pattern="^[a-z][a-z0-9-]{1,47}$(?!\n)", max_length=48)]
Title = Annotated[str, Meta(min_length=1, max_length=MAX_TITLE)]
MAX_NOTE = 500


class ControlIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A control of one's own framework.

    ``judged_on`` says what it takes to find it violated: one ``request``, or the ``programme`` as a whole,
    which no single text shows; that it is where nothing is said.
    """

    id: Annotated[str, Meta(min_length=1, max_length=64)]
    title: Title
    statement: Annotated[str, Meta(min_length=1, max_length=MAX_STATEMENT)]
    priority: Priority | None = None
    judged_on: JudgedOn | None = None


class LinkIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A label bears on a control, how closely, and why; every rationale is its own."""

    label: Annotated[str, Meta(min_length=1, max_length=128)]
    control: Annotated[str, Meta(min_length=1, max_length=64)]
    relation: Relation
    why: Annotated[str, Meta(min_length=1, max_length=MAX_RATIONALE)]


class FrameworkIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One's own framework.

    ``links_from`` names a shipped framework: a control with the same id there takes over its links.
    """

    id: FrameworkId
    title: Title
    edition: Annotated[str, Meta(min_length=1, max_length=MAX_EDITION)]
    source: Title
    controls: Annotated[list[ControlIn], Meta(min_length=1, max_length=MAX_CONTROLS)]
    links: Annotated[list[LinkIn], Meta(max_length=MAX_LINKS)] = []
    links_from: FrameworkId | None = None


class OscalIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An OSCAL catalogue document as it is published; only its ``catalog`` is read."""

    catalog: dict[str, object]
    schema: str | None = msgspec.field(default=None, name="$schema")


class DecisionIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is decided on a version, and why."""

    decision: Decision
    note: Annotated[str, Meta(max_length=MAX_NOTE, pattern="^[^\x00-\x1f\x7f]*$(?!\n)")] = ""


class FrameworkVersionOut(msgspec.Struct, frozen=True):
    """One version of one's own framework; ``in_force`` is the one that analyses use."""

    framework: str
    version: int
    title: str
    edition: str
    controls: int
    links: int
    digest: str
    state: VersionState
    in_force: bool
    proposed_by: str
    proposed_at: datetime
    decided_by: str | None
    decided_at: datetime | None
    note: str


class FrameworkVersionList(msgspec.Struct, frozen=True):
    """All versions, newest first."""

    versions: list[FrameworkVersionOut]


class OwnControlOut(msgspec.Struct, frozen=True):
    """A control as it is kept."""

    id: str
    title: str
    statement: str
    priority: Priority
    judged_on: JudgedOn


class OwnLinkOut(msgspec.Struct, frozen=True):
    """A link as it is kept."""

    label: str
    control: str
    relation: Relation
    why: str


class OwnFrameworkOut(msgspec.Struct, frozen=True):
    """One version with its content: what the second person looks at."""

    id: str
    version: int
    title: str
    edition: str
    source: str
    controls: list[OwnControlOut]
    links: list[OwnLinkOut]


def draft_of(data: FrameworkIn) -> FrameworkDraft:
    """Turn a request into the domain's draft."""
    return FrameworkDraft(
        id=data.id,
        title=data.title,
        edition=data.edition,
        source=data.source,
        controls=[
            DraftControl(one.id, one.title, one.statement, one.priority, one.judged_on)
            for one in data.controls
        ],
        links=[DraftLink(one.label, one.control, one.relation, one.why) for one in data.links],
        links_from=data.links_from,
    )


def version_out(version: FrameworkVersion) -> FrameworkVersionOut:
    """Turn a version into its wire form."""
    return msgspec.convert(version, FrameworkVersionOut, from_attributes=True)


def own_out(own: OwnFramework) -> OwnFrameworkOut:
    """Turn a version with its content into its wire form."""
    framework = own.framework
    return OwnFrameworkOut(
        id=framework.id,
        version=own.version,
        title=framework.title,
        edition=framework.edition,
        source=framework.source,
        controls=[
            OwnControlOut(one.id, one.title, one.statement, one.priority, one.judged_on)
            for one in framework.controls.values()
        ],
        links=[
            OwnLinkOut(label, link.control.id, link.relation, link.rationale)
            for label, links in own.links.items()
            for link in links
        ],
    )
