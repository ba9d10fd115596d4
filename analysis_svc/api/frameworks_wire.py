"""Frameworks and crosswalks over the wire."""

import msgspec

from analysis_svc.domain.catalogue import Catalogue, CrosswalkTie, Framework, JudgedOn, Overlap, Priority


class ControlOut(msgspec.Struct, frozen=True):
    """A control of a framework; the statement of a shipped one is a summary in our own words.

    ``judged_on`` says what it takes to find it violated: one ``request``, or the ``programme`` as a whole,
    which no single text shows.
    """

    id: str
    title: str
    statement: str
    priority: Priority
    judged_on: JudgedOn


class FrameworkOut(msgspec.Struct, frozen=True):
    """A framework with the controls that findings are tied to.

    A request that names no framework is answered for those that are ``default``. ``own_version`` is the
    version in force of the tenant's own framework, null for one that is shipped.
    """

    id: str
    title: str
    edition: str
    source: str
    default: bool
    own_version: int | None
    controls: list[ControlOut]


class FrameworkList(msgspec.Struct, frozen=True):
    """The frameworks that the tenant can ask for."""

    frameworks: list[FrameworkOut]


class CrosswalkEnd(msgspec.Struct, frozen=True):
    """A control at the other end of a tie."""

    framework: str
    edition: str
    control: str
    title: str


class TieOut(msgspec.Struct, frozen=True):
    """What a control has in common with one of another framework.

    ``overlap`` is read from ``control`` to ``to``: ``subset`` says that ``to`` asks for all of it and more.
    """

    control: str
    title: str
    to: CrosswalkEnd
    overlap: Overlap
    rationale: str


class CrosswalkOut(msgspec.Struct, frozen=True):
    """The ties of a framework, in the order of its controls."""

    framework: str
    edition: str
    ties: list[TieOut]


def framework_out(framework: Framework) -> FrameworkOut:
    """Turn a framework into its wire form."""
    return FrameworkOut(
        id=framework.id,
        title=framework.title,
        edition=framework.edition,
        source=framework.source,
        default=framework.default,
        own_version=framework.own_version,
        controls=[
            ControlOut(one.id, one.title, one.statement, one.priority, one.judged_on)
            for one in framework.controls.values()
        ],
    )


def crosswalk_out(catalogue: Catalogue, framework: str, ties: list[CrosswalkTie]) -> CrosswalkOut:
    """Turn the ties of a framework into their wire form."""
    return CrosswalkOut(
        framework=framework,
        edition=catalogue.frameworks[framework].edition,
        ties=[
            TieOut(
                control=tie.source.id,
                title=tie.source.title,
                to=CrosswalkEnd(
                    framework=tie.target.framework,
                    edition=catalogue.frameworks[tie.target.framework].edition,
                    control=tie.target.id,
                    title=tie.target.title,
                ),
                overlap=tie.overlap,
                rationale=tie.rationale,
            )
            for tie in ties
        ],
    )
