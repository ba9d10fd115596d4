"""What a trial has shown so far, for the person who decides."""

from dataclasses import dataclass

from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.model_arms import Arm
from mapper_svc.domain.model_fleet import Trial
from mapper_svc.domain.model_ports import FleetStore, TrialStore
from mapper_svc.domain.trial_figures import AGREED, BOTH_SURE, PAIRS, PAIRS_FAILED, PAIRS_SKIPPED, ArmFigures
from mapper_svc.domain.trial_verdict import Verdict, verdicts


@dataclass(frozen=True, slots=True)
class TrialReport:
    """The running trial.

    Attributes:
        trial: which.
        against: the active version.
        control: figures of the active version since the trial began.
        treatment: figures of the tried version.
        pairs: questions put to both.
        pairs_skipped: questions that were to be, with too many under way.
        pairs_failed: those to which the second gave no answer.
        both_sure: labels of which both were sure.
        agreed: of those, labels that both called the same.
        verdicts: of the sequential test.
    """

    trial: Trial
    against: str
    control: ArmFigures
    treatment: ArmFigures
    pairs: int
    pairs_skipped: int
    pairs_failed: int
    both_sure: int
    agreed: int
    verdicts: tuple[Verdict, ...]


class TrialReports:
    """Reads it from the store, as handed in by every replica in the last second.

    Args:
        store: knows the running trial.
        trials: added it up.
        ab_error: error of the test over all measures and looks, in (0, 1).
        min_agreement: least share of agreement, in [0, 1].
    """

    def __init__(
        self, store: FleetStore, trials: TrialStore, *, ab_error: float, min_agreement: float
    ) -> None:
        self._store = store
        self._trials = trials
        self._ab_error = ab_error
        self._min_agreement = min_agreement

    async def current(self) -> TrialReport:
        """Return the report of the running trial; ServiceError NOT_FOUND when none runs."""
        fleet = await self._store.load()
        if fleet.trial is None or fleet.active is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "no version is being tried")
        counts = await self._trials.total(fleet.trial.id)
        return TrialReport(
            trial=fleet.trial,
            against=fleet.active.id,
            control=ArmFigures.of(Arm.CONTROL, counts),
            treatment=ArmFigures.of(Arm.TREATMENT, counts),
            pairs=counts.get(PAIRS, 0),
            pairs_skipped=counts.get(PAIRS_SKIPPED, 0),
            pairs_failed=counts.get(PAIRS_FAILED, 0),
            both_sure=counts.get(BOTH_SURE, 0),
            agreed=counts.get(AGREED, 0),
            verdicts=verdicts(counts, alpha=self._ab_error, min_agreement=self._min_agreement),
        )
