"""A policy as a program: two questions are put to it, before the detectors run and after.

What it answers is read strictly here. A program that fails, or answers with anything else, denies.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

JsonObject = dict[str, Any]
"""An object as JSON has it."""


class PolicyFault(Exception):  # noqa: N818 - what a policy did, not an error of the program
    """A policy could not be evaluated or answered wrongly; the message is for its author.

    It names rules and places of the policy, and never holds the content, which no policy gets to see.
    """


class NoValueError(PolicyFault):
    """A rule has no value for its input, which for an answer that is needed is a fault like any other."""


class PolicyProgram(Protocol):
    """One version of one policy."""

    @property
    def name(self) -> str:
        """How a request asks for it."""
        ...

    @property
    def version(self) -> str:
        """Changes whenever the policy does."""
        ...

    @property
    def description(self) -> str:
        """What it is for, for people."""
        ...

    @property
    def shipped(self) -> bool:
        """Whether it is the service's or the operator's, and not the tenant's own."""
        ...

    @property
    def reads(self) -> frozenset[str] | None:
        """Fields of ``input`` that alone make its answers; None when that is not known."""
        ...

    async def plan(self, question: JsonObject) -> object:
        """Return the value of the policy's rule ``plan``; raises PolicyFault."""
        ...

    async def decide(self, question: JsonObject) -> object:
        """Return the value of the policy's rule ``decision``; raises PolicyFault."""
        ...


class PolicySource(Protocol):
    """Finds policies."""

    async def find(self, tenant_id: UUID, name: str | None) -> PolicyProgram:
        """Return the policy that is active under this name for the tenant, the default for None.

        Raises:
            ServiceError: POLICY_NOT_FOUND; SERVICE_UNAVAILABLE when it cannot be known what is active.
        """
        ...


@dataclass(frozen=True, slots=True)
class PlanQuestion:
    """What is known before the detectors run.

    Attributes:
        policy: the name under which the policy was asked for.
        content_type: of the content.
        direction: ``input`` for what goes to a model, ``output`` for what comes from it.
        content_bytes: size of the content in UTF-8.
        priority: of the request.
        detectors: installed ones: name, vendor, version, content types and state.
        wanted: detectors that the caller named, None for none.
    """

    policy: str
    content_type: str
    direction: str
    content_bytes: int
    priority: str
    detectors: Sequence[Mapping[str, object]]
    wanted: Sequence[str] | None

    def as_json(self) -> JsonObject:
        """Return what the program sees as ``input``."""
        return {
            "policy": self.policy,
            "content_type": self.content_type,
            "direction": self.direction,
            "content_bytes": self.content_bytes,
            "priority": self.priority,
            "detectors": [dict(one) for one in self.detectors],
            "wanted": None if self.wanted is None else list(self.wanted),
        }
