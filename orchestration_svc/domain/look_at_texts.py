"""Several texts of one caller, each looked at by itself, with a verdict for each."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.detection import CallContext
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.judge_text import NOTHING, Verdict, judge
from orchestration_svc.domain.orchestration import Direction, OrchestrationRequest, OrchestrationResult
from orchestration_svc.domain.policy import Priority
from orchestration_svc.domain.tenant_settings import RequestChoices, TenantSettings

TEXTS_MAX = 100
"""Most texts of one request."""
_AT_ONCE = 4
_OK, _PARTIAL, _NOTHING_CAME_BACK = 200, 206, 502


class RequestEvents(Protocol):
    """Counts orchestrated requests."""

    def orchestrated(
        self, *, tenant: str, policy: str, status: int, milliseconds: float, coverage: float
    ) -> None:
        """Count one text."""
        ...


@dataclass(frozen=True, slots=True)
class LookedAt:
    """Verdicts in the order of the texts, and what the tenant chose about using them."""

    verdicts: tuple[Verdict, ...]
    choices: RequestChoices


class LookAtTexts:
    """Has texts looked at and judged.

    Args:
        orchestrate: looks at one.
        settings: knows what each tenant chose.
        events: counts.
        content_bytes: largest text, in bytes of UTF-8.
    """

    def __init__(
        self,
        orchestrate: Callable[[OrchestrationRequest], Awaitable[OrchestrationResult]],
        settings: TenantSettings,
        events: RequestEvents,
        content_bytes: int,
    ) -> None:
        self._orchestrate = orchestrate
        self._settings = settings
        self._events = events
        self._content_bytes = content_bytes

    async def __call__(
        self,
        texts: Sequence[str],
        *,
        tenant_id: UUID,
        policy: str | None = None,
        detectors: tuple[str, ...] | None = None,
        threshold: float | None = None,
        direction: Direction = "input",
        context: CallContext,
    ) -> LookedAt:
        """Look at each text.

        Args:
            texts: any number up to `TEXTS_MAX`; in one without a character nothing is found.
            tenant_id: whose they are.
            policy: its name; None for the tenant's default.
            detectors: names; None to leave it to the policy.
            threshold: least risk of a finding that counts; None for the tenant's.
            direction: whether they go to a model or come from one.
            context: what travels with the calls.

        Raises:
            ServiceError: PAYLOAD_TOO_LARGE or INVALID_REQUEST for a text that cannot be taken, and whatever
                the orchestration of any text raises.
        """
        for text in texts:
            self._check(text)
        choices = (await self._settings.of(tenant_id)).choices
        least = choices.finding_threshold if threshold is None else threshold
        room = asyncio.Semaphore(_AT_ONCE)

        async def look(text: str) -> Verdict:
            if not text:
                return NOTHING
            request = OrchestrationRequest(
                tenant_id=tenant_id,
                content=text,
                content_type="text/plain",
                policy=policy or choices.default_policy,
                detectors=detectors,
                priority=Priority.NORMAL,
                map_findings=True,
                analyze_findings=False,
                context=context,
                direction=direction,
            )
            async with room:
                return judge(await self._counted(request), text, threshold=least)

        looked = await asyncio.gather(*(look(text) for text in texts), return_exceptions=True)
        verdicts: list[Verdict] = []
        for one in looked:
            if isinstance(one, BaseException):
                raise one
            verdicts.append(one)
        return LookedAt(tuple(verdicts), choices)

    async def _counted(self, request: OrchestrationRequest) -> OrchestrationResult:
        started = time.perf_counter()

        def count(policy: str, status: int, coverage: float) -> None:
            self._events.orchestrated(
                tenant=str(request.tenant_id),
                policy=policy,
                status=status,
                milliseconds=(time.perf_counter() - started) * 1000,
                coverage=coverage,
            )

        try:
            result = await self._orchestrate(request)
        except ServiceError as error:
            if error.code is ErrorCode.ALL_DETECTORS_UNAVAILABLE:
                count(request.policy or "default", _NOTHING_CAME_BACK, 0.0)
            raise
        whole = result.coverage.is_enough and not result.missing
        count(result.routing.policy.name, _OK if whole else _PARTIAL, result.coverage.achieved)
        return result

    def _check(self, text: str) -> None:
        if (size := len(text.encode())) > self._content_bytes:
            raise ServiceError(
                ErrorCode.PAYLOAD_TOO_LARGE,
                f"a text is {size} bytes of UTF-8; at most {self._content_bytes} are taken",
                field="body",
            )
        if "\x00" in text:
            raise ServiceError(ErrorCode.INVALID_REQUEST, "a text holds a null byte", field="body")
