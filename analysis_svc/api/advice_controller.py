"""GET /api/v1/advice: what would make the findings better."""

from datetime import UTC, datetime
from uuid import UUID

import msgspec
from litestar import Controller, get

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults
from analysis_svc.api.span_query import Application, Since, Until
from analysis_svc.domain.access import Principal
from analysis_svc.domain.catalogue import Priority
from analysis_svc.domain.insights.advice import AdviceKind, GiveAdvice
from analysis_svc.domain.insights.span import span_of


class EffectOut(msgspec.Struct, frozen=True):
    """What following the advice would have changed in the stored data, and what it would have cost."""

    measure: str
    before: float
    after: float
    n: int
    cost_measure: str
    cost: float


class RegoEffectOut(msgspec.Struct, frozen=True):
    """What the changed policy makes of stored analyses that the policy as it is decided on.

    ``flagged_…``: not allowed. ``confirmed``: findings of which feedback that another key accepted says that
    something is there; ``false_positives``: those that it calls false alarms.
    """

    analyses: int
    flagged_before: int
    flagged_after: int
    confirmed: int
    confirmed_lost: int
    false_positives: int
    false_positives_removed: int


class RegoDiffOut(msgspec.Struct, frozen=True):
    """The same as a unified diff of a policy, evaluated before and after."""

    policy: str
    policy_version: str
    diff: str
    effect: RegoEffectOut


class RegoOut(msgspec.Struct, frozen=True):
    """A diff, or why there is none: one of the two is null."""

    diff: RegoDiffOut | None
    left_out: str | None


class AdvisedOut(msgspec.Struct, frozen=True):
    """One piece of advice; reason and remediation have at most 120 characters each."""

    kind: AdviceKind
    subject: str
    reason: str
    remediation: str
    priority: Priority
    threshold: float | None
    effect: EffectOut
    evidence: list[UUID]
    rego: RegoOut


class AdviceOut(msgspec.Struct, frozen=True):
    """The advice that a span gives reason for, the most urgent first."""

    start: datetime = msgspec.field(name="from")
    end: datetime = msgspec.field(name="to")
    application: str | None
    advice: list[AdvisedOut]


class AdviceController(Controller):
    """Advice to the caller's tenant."""

    path = "/api/v1/advice"
    tags = ("insights",)
    guards = (requires("insights:read"),)

    @get("/", summary="Coverage gaps and thresholds", responses=faults())
    async def over(
        self,
        principal: Injected[Principal],
        give_advice: Injected[GiveAdvice],
        since: Since = None,
        until: Until = None,
        application: Application = None,
    ) -> AdviceOut:
        """Answer advice with its effect on the stored data; none where nothing would have changed."""
        span = span_of(since, until, application, now=datetime.now(UTC))
        advised = await give_advice.over(principal.tenant_id, span)
        items = [msgspec.convert(one, AdvisedOut, from_attributes=True) for one in advised]
        return AdviceOut(start=span.start, end=span.end, application=application, advice=items)
