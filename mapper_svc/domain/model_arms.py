"""Which arm of a trial a tenant is in."""

import hashlib
from enum import StrEnum
from uuid import UUID

from mapper_svc.domain.model_fleet import Trial

_SPACE = 1 << 64


class Arm(StrEnum):
    """The two sides of a trial: the active version, and the one that is tried."""

    CONTROL = "control"
    TREATMENT = "treatment"


def arm_of(tenant_id: UUID, trial: Trial) -> Arm:
    """Return the tenant's arm: the same on every replica and at every call, for as long as the trial runs.

    A keyed hash of the tenant and the trial is a place in [0, 1); those below the share are treated. With a
    larger share all who were treated stay so. Another trial deals anew, so that no tenant is always first.
    """
    digest = hashlib.blake2b(trial.id.bytes + tenant_id.bytes, key=trial.salt, digest_size=8).digest()
    place = int.from_bytes(digest)
    return Arm.TREATMENT if place * 100 < trial.percent * _SPACE else Arm.CONTROL
