"""One text of a batch or a job: answered, given up, or worth trying again."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.detection import CallContext
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.job import ItemOutcome, ItemState, JobOptions
from orchestration_svc.domain.job_ports import Renderer
from orchestration_svc.domain.orchestration import OrchestrationRequest, OrchestrationResult

# The contract's limit for a text that nobody waits for.
ITEM_LIMIT_S = 30.0
Orchestrating = Callable[[OrchestrationRequest], Awaitable[OrchestrationResult]]


class Faults(Protocol):
    """Hears of faults of our own."""

    def unexpected(self, error: Exception) -> None:
        """Something broke; its words may quote content and must not be repeated."""
        ...


class AnswerItem:
    """Answers one text among many: whatever it does, the others are answered."""

    def __init__(self, orchestrate: Orchestrating, renderer: Renderer, faults: Faults) -> None:
        self._orchestrate = orchestrate
        self._renderer = renderer
        self._faults = faults

    async def __call__(
        self,
        tenant_id: UUID,
        options: JobOptions,
        *,
        position: int,
        content: str,
        subject: str | None = None,
        context: CallContext,
    ) -> ItemOutcome:
        """Return what came of it; it is WAITING when the same may work later."""
        request = OrchestrationRequest(
            tenant_id=tenant_id,
            content=content,
            content_type=options.content_type,
            policy=options.policy,
            detectors=options.detectors,
            priority=options.priority,
            map_findings=options.map_findings,
            analyze_findings=options.analyze_findings,
            context=context,
            direction=options.direction,
            redaction=options.redaction,
            application=options.application,
            subject=subject,
        )
        try:
            async with asyncio.timeout(ITEM_LIMIT_S):
                result = await self._orchestrate(request)
            status, answer = self._renderer.answer(result)
        except ServiceError as error:
            return self._without_answer(position, error.code)
        except TimeoutError:
            return self._without_answer(position, ErrorCode.REQUEST_TIMEOUT)
        except Exception as error:  # noqa: BLE001 - a text that breaks us must not keep the rest from answers
            self._faults.unexpected(error)
            return self._without_answer(position, ErrorCode.INTERNAL_ERROR)
        return ItemOutcome(position, ItemState.SUCCEEDED, status, answer=answer)

    def _without_answer(self, position: int, code: ErrorCode) -> ItemOutcome:
        status, retryable = self._renderer.error(code)
        state = ItemState.WAITING if retryable else ItemState.FAILED
        return ItemOutcome(position, state, status, error_code=code.value)


def settled(outcomes: Sequence[ItemOutcome]) -> list[ItemOutcome]:
    """Return outcomes of a batch that nobody will try again: what waits has failed."""
    return [
        one
        if one.state is not ItemState.WAITING
        else ItemOutcome(one.position, ItemState.FAILED, one.status, error_code=one.error_code)
        for one in outcomes
    ]
