"""Adds up the running trial over all replicas, judges it, and ends one whose version is worse."""

import asyncio
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from mapper_svc.domain.errors import ServiceError
from mapper_svc.domain.model_fleet import Trial, TrialKind
from mapper_svc.domain.model_ports import FleetEvents, TrialStore
from mapper_svc.domain.model_registry import ModelRegistry
from mapper_svc.domain.model_router import FleetRouter
from mapper_svc.domain.own_task import is_cancelled
from mapper_svc.domain.trial_figures import Tally
from mapper_svc.domain.trial_guard import GuardLimits, find_breach
from mapper_svc.domain.trial_verdict import ENDS_A_TRIAL, Finding, verdicts

_LOOK_S = 1.0
_PRUNE_S = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgeLimits:
    """What a trial is judged by.

    Attributes:
        window_s: how far back the guard looks, in seconds.
        guard: how much worse is too much.
        ab_error: probability that an A/B trial ever finds a difference that is none, in (0, 1).
    """

    window_s: int
    guard: GuardLimits
    ab_error: float


class TrialKeeper:
    """Looks once a second. Every replica does, and whichever is first ends the trial.

    Args:
        trials: adds up what the replicas counted.
        router: knows the running trial and counts it here.
        registry: ends it.
        events: hears of that.
        limits: what to judge by.
    """

    def __init__(
        self,
        *,
        trials: TrialStore,
        router: FleetRouter,
        registry: ModelRegistry,
        events: FleetEvents,
        limits: JudgeLimits,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._trials = trials
        self._router = router
        self._registry = registry
        self._events = events
        self._limits = limits
        self._clock = clock
        self._prune_at = 0.0

    async def keep(self) -> None:
        """Look again and again, until cancelled."""
        while not is_cancelled():
            await asyncio.sleep(_LOOK_S)
            try:
                await self.look()
            except ServiceError as error:
                self._events.fleet_unread(error.code.value)

    async def look(self) -> None:
        """Hand in what was counted here and judge what was counted everywhere."""
        fleet = self._router.fleet
        trial = fleet.trial if fleet else None
        if trial is None:
            return
        await self._hand_in(trial, self._router.tally)
        if trial.kind is not TrialKind.SHADOW:
            await self._judge(trial)
        if self._clock() >= self._prune_at:
            self._prune_at = self._clock() + _PRUNE_S
            await self._trials.prune()

    async def _hand_in(self, trial: Trial, tally: Tally) -> None:
        counts = tally.take()
        if not counts:
            return
        try:
            await self._trials.add(trial.id, counts)
        except ServiceError:
            tally.put_back(counts)
            raise

    async def _judge(self, trial: Trial) -> None:
        breach = find_breach(await self._trials.window(trial.id, self._limits.window_s), self._limits.guard)
        if breach is not None:
            await self._end(trial, breach.reason.value, breach.figures)
        elif trial.kind is TrialKind.AB:
            await self._test(trial)

    async def _test(self, trial: Trial) -> None:
        found = verdicts(
            await self._trials.total(trial.id),
            alpha=self._limits.ab_error,
            min_agreement=self._limits.guard.min_agreement,
        )
        shown = (one for one in found if one.measure in ENDS_A_TRIAL)
        worse = next((one for one in shown if one.finding is Finding.WORSE), None)
        if worse is None:
            return
        # The ends as texts: the audit log's hash is over what the database gives back, and it rounds.
        figures = {"low": f"{worse.low:.4f}", "high": f"{worse.high:.4f}", "trials": worse.trials}
        await self._end(trial, f"ab_{worse.measure}", figures)

    async def _end(self, trial: Trial, reason: str, figures: Mapping[str, object]) -> None:
        version = await self._registry.roll_back_trial(trial.id, reason=reason, figures=figures)
        if version is not None:
            self._events.rolled_back(version, reason)
