"""What a tenant set, field by field, and what a setting may be."""

from dataclasses import dataclass, field
from datetime import datetime

from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.limits import Limits
from orchestration_svc.domain.redact import Style
from orchestration_svc.domain.tenant_settings import FailMode, RequestChoices


@dataclass(frozen=True, slots=True)
class ChosenSettings:
    """What a tenant set; None is left to the default. The fields are those of `RequestChoices`."""

    default_policy: str | None = None
    finding_threshold: float | None = None
    fail_mode: FailMode | None = None
    redaction: Style | None = None
    job_retention_days: int | None = None
    limits: Limits = field(default_factory=Limits)
    response_cache: bool | None = None

    def effective(self) -> RequestChoices:
        """Return what holds, defaults filled in."""
        default = RequestChoices()
        return RequestChoices(
            default_policy=self.default_policy,
            finding_threshold=(
                default.finding_threshold if self.finding_threshold is None else self.finding_threshold
            ),
            fail_mode=self.fail_mode or default.fail_mode,
            redaction=self.redaction or default.redaction,
            job_retention_days=self.job_retention_days or default.job_retention_days,
            limits=self.limits,
            response_cache=default.response_cache if self.response_cache is None else self.response_cache,
        )


@dataclass(frozen=True, slots=True)
class SettingsVersion:
    """One version of a tenant's settings; versions are never changed, a change is a new one.

    Attributes:
        version: counted from 1; 0 stands for a tenant that never set anything.
        chosen: what it set.
        changed_at: when, UTC; None for version 0.
        changed_by: token id of who set it; None for version 0.
        restored: the version that was gone back to, or None.
    """

    version: int = 0
    chosen: ChosenSettings = field(default_factory=ChosenSettings)
    changed_at: datetime | None = None
    changed_by: str | None = None
    restored: int | None = None


def check_limits(chosen: ChosenSettings, *, allowed: Limits) -> None:
    """Refuse limits above those of the platform.

    Args:
        chosen: to be checked.
        allowed: what the platform allows the tenant.

    Raises:
        ServiceError: INVALID_REQUEST naming the field and its limit.
    """
    if beyond := allowed.raised_by(chosen.limits):
        raise ServiceError(
            ErrorCode.INVALID_REQUEST,
            f"must be at most {getattr(allowed, beyond)}, the platform's limit: a tenant can only lower it",
            field=f"limits.{beyond}",
        )
