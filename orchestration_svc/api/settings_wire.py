"""Tenant settings over the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from orchestration_svc.api.orchestrate_wire import Name
from orchestration_svc.domain.chosen_settings import ChosenSettings, SettingsVersion
from orchestration_svc.domain.limits import LIMIT_NAMES, Limits
from orchestration_svc.domain.redact import Style
from orchestration_svc.domain.tenant_settings import FailMode, RequestChoices

Share = Annotated[float, Meta(ge=0, le=1)]
Count = Annotated[int, Meta(ge=1, le=2**53 - 1)]
Days = Annotated[int, Meta(ge=1, le=365)]


class LimitsSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Limits; null is the platform's, or none where that has none."""

    requests_per_minute: Count | None = None
    key_requests_per_minute: Count | None = None
    concurrent_requests: Count | None = None
    content_bytes_per_day: Count | None = None
    jobs_queued: Count | None = None


class SettingsSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenant sets; null, or what is left out, is the default.

    ``finding_threshold`` is the least risk at which a finding counts for the compatible APIs; ``fail_mode``
    says whether a text passes that was not looked at in full. Limits can be lowered and never raised.
    ``response_cache`` false has detectors and mapper asked about every text, however often it comes.
    """

    default_policy: Name | None = None
    finding_threshold: Share | None = None
    fail_mode: FailMode | None = None
    redaction: Style | None = None
    job_retention_days: Days | None = None
    limits: LimitsSet = msgspec.field(default_factory=LimitsSet)
    response_cache: bool | None = None


class SettingsHolding(msgspec.Struct, frozen=True):
    """What holds. ``default_policy`` is null for the one that comes with the service."""

    default_policy: str | None
    finding_threshold: float
    fail_mode: FailMode
    redaction: Style
    job_retention_days: int
    limits: LimitsSet
    response_cache: bool


class SettingsChosen(msgspec.Struct, frozen=True):
    """What a tenant set; null is the default."""

    default_policy: str | None
    finding_threshold: float | None
    fail_mode: FailMode | None
    redaction: Style | None
    job_retention_days: int | None
    limits: LimitsSet
    response_cache: bool | None


class SettingsVersionOut(msgspec.Struct, frozen=True):
    """One version of a tenant's settings; ``restored`` names the version that was gone back to."""

    version: int
    set: SettingsChosen
    changed_at: datetime | None
    changed_by: str | None
    restored: int | None


class SettingsOut(msgspec.Struct, frozen=True):
    """What the tenant set beside the defaults, and what holds of both. ``current.version`` is the ETag."""

    current: SettingsVersionOut
    defaults: SettingsHolding
    effective: SettingsHolding


class SettingsHistory(msgspec.Struct, frozen=True):
    """Versions, the newest first; ``before`` asks for the next page, null at the end."""

    versions: list[SettingsVersionOut]
    before: int | None


class RestoreRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version to go back to; 0 is the defaults."""

    version: Annotated[int, Meta(ge=0, le=2**53)]


def chosen_of(body: SettingsSet) -> ChosenSettings:
    """Turn a checked body into the domain's settings."""
    return ChosenSettings(
        default_policy=body.default_policy,
        finding_threshold=body.finding_threshold,
        fail_mode=body.fail_mode,
        redaction=body.redaction,
        job_retention_days=body.job_retention_days,
        limits=Limits(**msgspec.structs.asdict(body.limits)),
        response_cache=body.response_cache,
    )


def version_out(version: SettingsVersion) -> SettingsVersionOut:
    """Turn a version into its answer."""
    chosen = version.chosen
    return SettingsVersionOut(
        version=version.version,
        set=SettingsChosen(
            default_policy=chosen.default_policy,
            finding_threshold=chosen.finding_threshold,
            fail_mode=chosen.fail_mode,
            redaction=chosen.redaction,
            job_retention_days=chosen.job_retention_days,
            limits=_limits_out(chosen.limits),
            response_cache=chosen.response_cache,
        ),
        changed_at=version.changed_at,
        changed_by=version.changed_by,
        restored=version.restored,
    )


def settings_out(version: SettingsVersion, allowed: Limits) -> SettingsOut:
    """Show a version beside the defaults.

    Args:
        version: what the tenant set.
        allowed: what the platform allows the tenant.
    """
    return SettingsOut(
        current=version_out(version),
        defaults=_holding(RequestChoices(), allowed),
        effective=_holding(version.chosen.effective(), allowed),
    )


def _holding(choices: RequestChoices, allowed: Limits) -> SettingsHolding:
    return SettingsHolding(
        default_policy=choices.default_policy,
        finding_threshold=choices.finding_threshold,
        fail_mode=choices.fail_mode,
        redaction=choices.redaction,
        job_retention_days=choices.job_retention_days,
        limits=_limits_out(allowed.lowered(choices.limits)),
        response_cache=choices.response_cache,
    )


def _limits_out(limits: Limits) -> LimitsSet:
    return LimitsSet(**{name: getattr(limits, name) for name in LIMIT_NAMES})
