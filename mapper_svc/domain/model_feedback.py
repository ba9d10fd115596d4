"""What people say of findings, counted for the arm that made them."""

from collections import Counter
from uuid import UUID

from mapper_svc.domain.model_arms import Arm, arm_of
from mapper_svc.domain.model_fleet import TrialKind
from mapper_svc.domain.model_router import FleetRouter
from mapper_svc.domain.trial_figures import feedback

PER_TENANT = 100
"""Most that one tenant says in one trial on one replica: findings of a tenant are alike."""


class ModelFeedback:
    """Counts whether findings were right while a canary or an A/B trial runs.

    Args:
        router: knows the trial and counts it.
    """

    def __init__(self, router: FleetRouter) -> None:
        self._router = router
        self._trial: UUID | None = None
        self._said: Counter[UUID] = Counter()

    def tell(self, tenant_id: UUID, version: str, *, right: bool) -> bool:
        """Count it; False when no trial runs that it could tell anything of, or the tenant said enough.

        Args:
            tenant_id: whose finding it was.
            version: the version that made it, from its ``version_info.model``.
            right: whether its label was.
        """
        fleet = self._router.fleet
        if fleet is None or fleet.trial is None or fleet.trial.kind is TrialKind.SHADOW:
            return False
        arm = arm_of(tenant_id, fleet.trial)
        made_by = fleet.tried if arm is Arm.TREATMENT else fleet.active
        if made_by is None or made_by.id != version:
            return False
        if self._trial != fleet.trial.id:
            self._trial = fleet.trial.id
            self._said.clear()
        if self._said[tenant_id] >= PER_TENANT:
            return False
        self._said[tenant_id] += 1
        self._router.tally.add(feedback(arm, right=right))
        return True
