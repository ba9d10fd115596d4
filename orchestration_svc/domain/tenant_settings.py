"""What a tenant decides about its requests, and the port through which requests ask for it."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.limits import Limits
from orchestration_svc.domain.redact import Style

STALE = "The tenant's settings could not be read: the last known ones hold."
UNREAD = "The tenant's settings could not be read: the defaults hold."


class FailMode(StrEnum):
    """What holds for a text that was not looked at in full and in which nothing was found.

    Members:
        CLOSED: it is treated as if something had been found.
        OPEN: it passes.
    """

    CLOSED = "closed"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class RequestChoices:
    """What one tenant chose; as constructed without arguments, the defaults.

    Attributes:
        default_policy: policy of requests that name none; None for the one that comes with the service.
        finding_threshold: least risk in [0, 1] at which a finding counts for the compatible APIs.
        fail_mode: what holds for a text that was not looked at in full.
        redaction: what stands in the place of a finding that is taken out.
        job_retention_days: how long the results of a job can be had.
        limits: lower limits than the platform's.
        response_cache: whether what was found in a text may be found again without its detectors.
    """

    default_policy: str | None = None
    finding_threshold: float = 0.5
    fail_mode: FailMode = FailMode.CLOSED
    redaction: Style = Style.PLACEHOLDER
    job_retention_days: int = 7
    limits: Limits = field(default_factory=Limits)
    response_cache: bool = True


@dataclass(frozen=True, slots=True)
class CurrentChoices:
    """What holds for a tenant now.

    Attributes:
        choices: to be followed.
        version: of the tenant's settings, counted from 1; 0 when it never set any.
        note: one sentence when the settings could not be read, else empty.
    """

    choices: RequestChoices = field(default_factory=RequestChoices)
    version: int = 0
    note: str = ""


class TenantSettings(Protocol):
    """Knows what each tenant chose."""

    async def of(self, tenant_id: UUID) -> CurrentChoices:
        """Return what holds for the tenant, mostly from memory.

        It never fails and never holds a request up: where the settings cannot be read in time the last known
        ones hold, else the defaults, and `note` says so.
        """
        ...
