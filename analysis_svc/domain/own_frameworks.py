"""A tenant's own framework: what it holds, its versions, and who may decide on them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from analysis_svc.domain.catalogue import ControlLink, Framework
from analysis_svc.domain.errors import ErrorCode, ServiceError

MAX_FRAMEWORKS = 20
MAX_VERSIONS = 50


class Decision(StrEnum):
    """What a person may say of a version."""

    APPROVE = "approve"
    REJECT = "reject"
    WITHDRAW = "withdraw"
    """Takes an approved version out of force; the approved one before is in force again."""


class VersionState(StrEnum):
    """Where a version stands."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"


_LEADS_TO = {
    Decision.APPROVE: VersionState.APPROVED,
    Decision.REJECT: VersionState.REJECTED,
    Decision.WITHDRAW: VersionState.WITHDRAWN,
}


@dataclass(frozen=True, slots=True)
class OwnFramework:
    """A framework with the links from labels to its controls; ``version`` 0 before it is kept."""

    framework: Framework
    links: Mapping[str, tuple[ControlLink, ...]]
    version: int = 0


@dataclass(frozen=True, slots=True)
class FrameworkVersion:
    """One version as it is kept.

    Attributes:
        framework: id of the framework.
        version: from 1, without gaps.
        title: of the framework.
        edition: as the tenant named it.
        controls: how many it has.
        links: how many ties from labels to controls it has.
        digest: SHA-256 over its content, hexadecimal.
        state: what was decided last.
        in_force: whether analyses of the tenant use it.
        proposed_by: token id of who uploaded it, or ``cli``.
        proposed_at: when, UTC.
        decided_by: token id of who decided last; None before.
        decided_at: when, UTC.
        note: what they said to it.
    """

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


def state_after(decisions: frozenset[Decision]) -> VersionState:
    """Return the state that the decisions on a version lead to."""
    for decision in (Decision.WITHDRAW, Decision.REJECT, Decision.APPROVE):
        if decision in decisions:
            return _LEADS_TO[decision]
    return VersionState.PROPOSED


def check_decision(state: VersionState, *, proposed_by: str, actor: str, decision: Decision) -> None:
    """Let a decision pass that may be made.

    Nobody approves what they uploaded: two people see every framework before an analysis uses it.

    Raises:
        ServiceError: INSUFFICIENT_RBAC for one's own upload, CONFLICT for a version that is not in the state.
    """
    if decision is Decision.WITHDRAW:
        if state is not VersionState.APPROVED:
            raise ServiceError(ErrorCode.CONFLICT, f"only an approved version is withdrawn; it is {state}")
        return
    if state is not VersionState.PROPOSED:
        raise ServiceError(ErrorCode.CONFLICT, f"this version is decided on already: {state}")
    if decision is Decision.APPROVE and actor == proposed_by:
        raise ServiceError(
            ErrorCode.INSUFFICIENT_RBAC, "a second person approves: this token uploaded the version itself"
        )
