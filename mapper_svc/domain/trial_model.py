"""A model in a trial: it is counted, a failure of the tried version costs nobody an answer."""

import asyncio
import random
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mapper_svc.domain.label_model import (
    AskedLabel,
    ModelAnswer,
    ModelFault,
    ModelUnavailableError,
    ModelVersion,
)
from mapper_svc.domain.mirrors import Mirrors
from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.model_fleet import TrialKind
from mapper_svc.domain.model_ports import FleetEvents
from mapper_svc.domain.ports import LabelModel
from mapper_svc.domain.trial_figures import PAIRS_FAILED, PAIRS_SKIPPED, Tally

_OTHER = {Arm.CONTROL: Arm.TREATMENT, Arm.TREATMENT: Arm.CONTROL}


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialLimits:
    """What a trial may cost.

    Attributes:
        patience_s: how long the tried version may take before the active one is asked as well.
        mirror_share: of the questions in a canary or A/B trial, the share put to both versions, in [0, 1].
        slow_ms: from how many milliseconds an answer counts as slow in an A/B trial.
    """

    patience_s: float
    mirror_share: float
    slow_ms: float


@dataclass(frozen=True, slots=True)
class _Said:
    """How a call ended, and after how many milliseconds."""

    heard: ModelAnswer | ModelFault
    took: float


class TrialModel:
    """One arm of a trial, as a `LabelModel`.

    Args:
        arm: which.
        kind: of trial; all questions of a shadow trial go to the control arm and, mirrored, to the other.
        models: the versions by arm.
        tally: where it is counted.
        tries: holds the calls of the tried version that a request waits for while it has patience.
        mirrors: holds the comparisons, so that however many there are, they take no room from the tries.
        limits: what it may cost.
        events: hears of each call.
    """

    def __init__(
        self,
        arm: Arm,
        kind: TrialKind,
        models: Mapping[Arm, LabelModel],
        *,
        tally: Tally,
        tries: Mirrors,
        mirrors: Mirrors,
        limits: TrialLimits,
        events: FleetEvents,
    ) -> None:
        self._arm = arm
        self._shadow = kind is TrialKind.SHADOW
        self._models = models
        self._tally = tally
        self._tries = tries
        self._mirrors = mirrors
        self._limits = limits
        self._events = events

    async def distributions(self, asked: Sequence[AskedLabel]) -> ModelAnswer:
        """Answer by this arm; where the tried version fails or is late, by the active one.

        Raises:
            ModelUnavailableError: the active version had to answer and could not.
        """
        if self._arm is Arm.CONTROL:
            said = await self._ask(Arm.CONTROL, asked)
        else:
            tried = await self._try(asked)
            if tried is None or isinstance(tried.heard, ModelFault):
                return await self._models[Arm.CONTROL].distributions(asked)
            said = tried
        if isinstance(said.heard, ModelFault):
            raise ModelUnavailableError(said.heard)
        self._mirror(asked, said.heard, said.took)
        return said.heard

    async def _try(self, asked: Sequence[AskedLabel]) -> _Said | None:
        """Ask the tried version for as long as there is patience; None where there is no room to ask it.

        The call goes on behind it, so that its latency and its faults are measured as the active one's are:
        one that was cut off would tell neither.
        """
        if self._tries.full:
            # A call that was not made tells nothing of the version: those under way do, once they end.
            self._events.trial_call(Arm.TREATMENT, "skipped")
            return None
        done: asyncio.Future[_Said] = asyncio.get_running_loop().create_future()

        async def ask() -> None:
            said = await self._ask(Arm.TREATMENT, asked)
            if not done.done():
                done.set_result(said)

        self._tries.hold(ask())
        try:
            async with asyncio.timeout(self._limits.patience_s):
                return await done
        except TimeoutError:
            return _Said(ModelFault.TIMEOUT, self._limits.patience_s * 1000)

    async def _ask(self, arm: Arm, asked: Sequence[AskedLabel]) -> _Said:
        return self._counted(arm, await self._call(arm, asked))

    async def _call(self, arm: Arm, asked: Sequence[AskedLabel]) -> _Said:
        began = time.perf_counter()
        heard: ModelAnswer | ModelFault
        try:
            heard = await self._models[arm].distributions(asked)
        except ModelUnavailableError as error:
            heard = error.reason
        return _Said(heard, (time.perf_counter() - began) * 1000)

    def _counted(self, arm: Arm, said: _Said) -> _Said:
        if isinstance(said.heard, ModelFault):
            self._events.trial_call(arm, said.heard)
            self._tally.failed(arm)
        else:
            self._events.trial_call(arm, "answered")
            self._tally.answered(arm, said.heard, said.took)
        return said

    def _mirror(self, asked: Sequence[AskedLabel], answer: ModelAnswer, took: float) -> None:
        share = 1.0 if self._shadow else self._limits.mirror_share
        if random.random() >= share:  # noqa: S311 - a sample, no secret
            return
        if self._mirrors.full:
            self._tally.add(PAIRS_SKIPPED)
            self._events.mirrored("skipped")
            return
        self._mirrors.hold(self._compare(asked, answer, took))

    async def _compare(self, asked: Sequence[AskedLabel], answer: ModelAnswer, took: float) -> None:
        other = _OTHER[self._arm]
        said = await self._call(other, asked)
        if self._shadow:
            self._counted(other, said)
        if isinstance(said.heard, ModelFault):
            self._events.mirrored("failed")
            self._tally.add(PAIRS_FAILED)
            return
        self._events.mirrored("compared")
        self._tally.compared(
            {self._arm: answer, other: said.heard}, {self._arm: took, other: said.took}, self._limits.slow_ms
        )


class ExpectedVersion:
    """A `LabelModel` that must be the version it is taken for: a server may have been given another release.

    Args:
        model: the way to its server.
        version: what it has to say of itself; only the engine may be another.
        missed: is set when another one answers.
    """

    def __init__(self, model: LabelModel, version: ModelVersion, missed: asyncio.Event) -> None:
        self._model = model
        self._version = version
        self._missed = missed

    async def distributions(self, asked: Sequence[AskedLabel]) -> ModelAnswer:
        """Answer; ModelUnavailableError MISMATCH when another version does, or one of other label tokens."""
        answer = await self._model.distributions(asked)
        if not answer.version.is_same_release(self._version):
            self._missed.set()
            raise ModelUnavailableError(ModelFault.MISMATCH)
        return answer
