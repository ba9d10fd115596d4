"""Puts a policy's two questions and counts what came of them. A policy that fails denies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.coverage import Coverage
from orchestration_svc.domain.detection import Detector, DetectorResult, DetectorStatus
from orchestration_svc.domain.downstream import MapperAnswer
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.orchestration import OrchestrationRequest
from orchestration_svc.domain.policy import Policy
from orchestration_svc.domain.policy_conflicts import resolve
from orchestration_svc.domain.policy_decision import (
    Decision,
    Ruling,
    Violation,
    decision_of,
    decision_question,
    ruling_of,
)
from orchestration_svc.domain.policy_memory import PolicyMemory, asked
from orchestration_svc.domain.policy_plan import PolicyDeniesError, plan_of
from orchestration_svc.domain.policy_program import (
    JsonObject,
    PlanQuestion,
    PolicyFault,
    PolicyProgram,
    PolicySource,
)

DENIED = "denied"


class PolicyEvents(Protocol):
    """Hears what policies decided, for metrics."""

    def policy_enforced(self, *, tenant: str, policy: str, status: str, violation: str) -> None:
        """``status`` is the action or ``denied``, ``violation`` the chief reason."""
        ...


@dataclass(frozen=True, slots=True)
class Enforced:
    """A policy in force for one request.

    Attributes:
        tenant_id: whose request it is.
        program: the policy itself.
        question: what it was asked before the detectors ran.
        policy: what it planned.
    """

    tenant_id: UUID
    program: PolicyProgram
    question: JsonObject
    policy: Policy


class PolicyEnforcement:
    """Asks the policy of a request before and after its detectors run.

    What it answered to the same question before is not asked again.
    """

    def __init__(self, source: PolicySource, events: PolicyEvents) -> None:
        self._source = source
        self._events = events
        self._plans: PolicyMemory[Policy] = PolicyMemory()
        self._rulings: PolicyMemory[Ruling] = PolicyMemory()

    async def plan(self, request: OrchestrationRequest, installed: Sequence[Detector]) -> Enforced:
        """Find the policy and have it plan.

        Raises:
            ServiceError: POLICY_NOT_FOUND; POLICY_DENIED when it refuses or fails; SERVICE_UNAVAILABLE when
                it cannot be known which one is active.
        """
        program = await self._source.find(request.tenant_id, request.policy)
        question = PlanQuestion(
            policy=program.name,
            content_type=request.content_type,
            direction=request.direction,
            content_bytes=len(request.content.encode()),
            priority=request.priority.value,
            detectors=[_seen(one) for one in installed] if _can_read(program, "detectors") else (),
            wanted=request.detectors,
        ).as_json()
        put = asked(program, question)
        try:
            policy = self._plans.recall(put.key) or self._plans.learn(
                put.key, await program.plan(put.question), lambda answer: _planned(answer, program)
            )
        except PolicyFault as fault:
            raise self._failed(request.tenant_id, program, fault) from None
        except PolicyDeniesError:
            self._count(request.tenant_id, program, DENIED, Violation.REFUSED)
            raise ServiceError(
                ErrorCode.POLICY_DENIED, f"the policy '{program.name}' does not allow this request"
            ) from None
        return Enforced(request.tenant_id, program, question, policy)

    async def decide(
        self,
        enforced: Enforced,
        results: Sequence[DetectorResult],
        coverage: Coverage,
        mapping: MapperAnswer | None,
    ) -> Decision:
        """Have the policy decide what becomes of the content.

        Raises:
            ServiceError: POLICY_DENIED when the policy fails.
        """
        succeeded = [one.detector for one in results if one.status is DetectorStatus.SUCCESS]
        mapped = mapping is not None
        resolution = resolve(mapping.findings if mapping else (), enforced.policy, succeeded)
        question = decision_question(enforced.question, results, coverage, resolution, mapped=mapped)
        program = enforced.program
        put = asked(program, question)
        try:
            ruling = self._rulings.recall(put.key) or self._rulings.learn(
                put.key, await program.decide(put.question), ruling_of
            )
        except PolicyFault as fault:
            raise self._failed(enforced.tenant_id, program, fault) from None
        decision = decision_of(ruling, enforced.policy, results, coverage, resolution, mapped=mapped)
        self._count(enforced.tenant_id, program, decision.action.value, decision.violation)
        return decision

    def _failed(self, tenant_id: UUID, program: PolicyProgram, fault: PolicyFault) -> ServiceError:
        self._count(tenant_id, program, DENIED, Violation.POLICY_ERROR)
        return ServiceError(
            ErrorCode.POLICY_DENIED,
            f"the policy '{program.name}' could not be evaluated, so nothing is allowed",
            faults=((f"policy:{program.name}", str(fault)[:300]),),
        )

    def _count(self, tenant_id: UUID, program: PolicyProgram, status: str, violation: Violation) -> None:
        self._events.policy_enforced(
            tenant=str(tenant_id), policy=program.name, status=status, violation=violation.value
        )


def _can_read(program: PolicyProgram, field: str) -> bool:
    return program.reads is None or field in program.reads


def _planned(answer: object, program: PolicyProgram) -> Policy:
    return plan_of(answer, name=program.name, version=program.version, description=program.description)


def _seen(detector: Detector) -> dict[str, object]:
    info = detector.info
    return {
        "name": info.name,
        "vendor": info.vendor,
        "version": info.version,
        "content_types": sorted(info.content_types),
        "state": detector.health().state.value,
    }
