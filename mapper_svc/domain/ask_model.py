"""Asks the tenant's model about labels, for no longer than there is time; what it said is kept."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.label_model import (
    AskedLabel,
    LabelDistributions,
    ModelAnswer,
    ModelFault,
    ModelUnavailableError,
    ModelVersion,
)
from mapper_svc.domain.model_opinion import NO_OPINION, Judgement, ModelOpinion
from mapper_svc.domain.ports import ModelRouter, RoutedModel


class DistributionCache(Protocol):
    """Keeps what models said. Never fails."""

    async def get(
        self, version: ModelVersion, asked: Sequence[AskedLabel]
    ) -> Mapping[AskedLabel, LabelDistributions]:
        """Return what is known of a version's answers."""
        ...

    async def put(self, asked: Sequence[AskedLabel], answer: ModelAnswer) -> None:
        """Keep an answer; known to this process before the first wait."""
        ...


class ModelEvents(Protocol):
    """Hears of what models cost, and of labels that no model was heard on."""

    def model_asked(self, tenant_id: UUID, *, tokens: int, seconds: float) -> None:
        """A call that a tenant's request began took so long; ``tokens`` were read, 0 when it failed."""
        ...

    def model_not_heard(self, reason: str, count: int) -> None:
        """``count`` labels went on without a model; ``reason`` is one of a closed set."""
        ...


class _Call:
    """A question under way; whoever needs one of its labels waits for the same answer."""

    def __init__(self, asked: Sequence[AskedLabel]) -> None:
        self.asked = tuple(asked)
        self.places = {label: place for place, label in enumerate(self.asked)}
        self.heard: asyncio.Future[ModelAnswer | ModelFault] = asyncio.get_running_loop().create_future()

    def of(self, label: AskedLabel) -> Judgement | ModelFault:
        """Returns what was heard of a label so far."""
        if not self.heard.done():
            return ModelFault.TIMEOUT
        answer = self.heard.result()
        if isinstance(answer, ModelFault):
            return answer
        return Judgement(answer.version, answer.labels, answer.distributions[self.places[label]])


class AskModel:
    """Asks about each label once, however many requests need it; in calls of a bounded size.

    A call goes on when the request that began it stops waiting, so that the next one finds the answer.

    Args:
        router: knows the tenant's model.
        cache: what was said before.
        events: hears what was not answered.
        calls: holds calls under way; what it does not take is not asked.
        calls_per_tenant: how many of them may be one tenant's, so that no batch takes the model from all.
        budget_s: longest that a request waits, in seconds.
        labels_per_call: most labels of one call, 1 to 256.
        labels: those of the edition, in its order: what kept distributions are over.
    """

    def __init__(
        self,
        router: ModelRouter,
        cache: DistributionCache,
        events: ModelEvents,
        calls: BackgroundWork,
        *,
        calls_per_tenant: int,
        budget_s: float,
        labels_per_call: int,
        labels: tuple[str, ...],
    ) -> None:
        self._router = router
        self._cache = cache
        self._events = events
        self._calls = calls
        self._calls_per_tenant = calls_per_tenant
        self._budget_s = budget_s
        self._labels_per_call = labels_per_call
        self._labels = labels
        self._under_way: dict[tuple[ModelVersion, AskedLabel], _Call] = {}
        self._held: Counter[UUID] = Counter()

    async def __call__(
        self, asked: Sequence[AskedLabel], *, tenant_id: UUID, within_s: float | None = None
    ) -> ModelOpinion:
        """Return what was heard in time; never fails.

        Args:
            asked: labels, each once.
            tenant_id: whose request it is.
            within_s: the caller's own limit in seconds, where that is shorter than the budget.
        """
        if not asked:
            return NO_OPINION
        budget_s = self._budget_s if within_s is None else min(self._budget_s, within_s)
        ends = asyncio.get_running_loop().time() + budget_s
        try:
            routed = self._router.pick(tenant_id)
        except ModelUnavailableError as error:
            return self._told({}, dict.fromkeys(asked, error.reason))
        if routed is None:
            return NO_OPINION
        known = await self._cache.get(routed.version, asked)
        judgements = {label: Judgement(routed.version, self._labels, said) for label, said in known.items()}
        faults: dict[AskedLabel, ModelFault] = {}
        waited = self._ask(routed, [label for label in asked if label not in known], tenant_id)
        left = max(0.0, ends - asyncio.get_running_loop().time())
        if waited:
            await asyncio.wait({call.heard for call in waited.values()}, timeout=left)
        for label, call in waited.items():
            heard = call.of(label)
            if isinstance(heard, Judgement):
                judgements[label] = heard
            else:
                faults[label] = heard
        for label in asked:
            if label not in judgements:
                faults.setdefault(label, ModelFault.BUSY)
        return self._told(judgements, faults)

    def _ask(
        self, routed: RoutedModel, missing: Sequence[AskedLabel], tenant_id: UUID
    ) -> dict[AskedLabel, _Call]:
        """Returns the call of each label that is being asked; one is missing where that would be too much."""
        calls: dict[AskedLabel, _Call] = {}
        fresh: list[AskedLabel] = []
        for label in missing:
            call = self._under_way.get((routed.version, label))
            if call is None:
                fresh.append(label)
            else:
                calls[label] = call
        for first in range(0, len(fresh), self._labels_per_call):
            call = _Call(fresh[first : first + self._labels_per_call])
            if self._held[tenant_id] >= self._calls_per_tenant:
                break
            task = self._calls.start(self._hear(routed, call, tenant_id))
            if task is None:
                break
            self._hold(task, tenant_id)
            for label in call.asked:
                self._under_way[routed.version, label] = calls[label] = call
        return calls

    def _hold(self, task: asyncio.Task[None], tenant_id: UUID) -> None:
        def ended(_: asyncio.Task[None]) -> None:
            self._held[tenant_id] -= 1
            if not self._held[tenant_id]:
                del self._held[tenant_id]

        self._held[tenant_id] += 1
        task.add_done_callback(ended)

    async def _hear(self, routed: RoutedModel, call: _Call, tenant_id: UUID) -> None:
        try:
            answer = await self._measured(routed, call, tenant_id)
        except ModelUnavailableError as error:
            call.heard.set_result(error.reason)
        else:
            call.heard.set_result(answer)
            await self._cache.put(call.asked, answer)
        finally:
            for label in call.asked:
                self._under_way.pop((routed.version, label), None)
            if not call.heard.done():
                call.heard.set_result(ModelFault.FAILED)

    async def _measured(self, routed: RoutedModel, call: _Call, tenant_id: UUID) -> ModelAnswer:
        began, tokens = asyncio.get_running_loop().time(), 0
        try:
            answer = await routed.model.distributions(call.asked)
            tokens = answer.tokens
        finally:
            seconds = asyncio.get_running_loop().time() - began
            self._events.model_asked(tenant_id, tokens=tokens, seconds=seconds)
        return answer

    def _told(
        self, judgements: Mapping[AskedLabel, Judgement], faults: Mapping[AskedLabel, ModelFault]
    ) -> ModelOpinion:
        for reason in set(faults.values()):
            count = sum(fault is reason for fault in faults.values())
            self._events.model_not_heard(reason.value, count)
        return ModelOpinion(judgements, faults)
