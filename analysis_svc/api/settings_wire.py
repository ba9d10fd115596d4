"""Tenant settings over the wire."""

from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from analysis_svc.domain.chosen_settings import ChosenSettings, EffectiveSettings, SettingsVersion
from analysis_svc.domain.retention_kinds import Kind

Days = Annotated[int, Meta(ge=1, le=36_500)]


class RetentionSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """After how many days each kind of data is deleted; null is the default.

    ``evidence``: analyses with their findings; ``incidents``: those that were resolved; ``feedback``: what
    people said of findings; ``quality``: weekly figures. Each 30 to 3650. ``reports`` with their files: 1 to
    3650. ``knowledge``: the tenant's own documents, 1 to 36500.
    """

    evidence: Days | None = None
    incidents: Days | None = None
    feedback: Days | None = None
    quality: Days | None = None
    reports: Days | None = None
    knowledge: Days | None = None


class SettingsSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenant sets; null, or what is left out, is the default.

    ``archive_evidence``: evidence is written to the write-once archive before it is deleted, without what
    leads to a person or a request. ``feedback_for_training``: reviewed feedback may enter training.
    """

    retention_days: RetentionSet = msgspec.field(default_factory=RetentionSet)
    archive_evidence: bool | None = None
    feedback_for_training: bool | None = None


class RetentionHolding(msgspec.Struct, frozen=True):
    """Days that hold."""

    evidence: int
    incidents: int
    feedback: int
    quality: int
    reports: int
    knowledge: int


class SettingsHolding(msgspec.Struct, frozen=True):
    """What holds."""

    retention_days: RetentionHolding
    archive_evidence: bool
    feedback_for_training: bool


class SettingsChosen(msgspec.Struct, frozen=True):
    """What a tenant set; null is the default."""

    retention_days: RetentionSet
    archive_evidence: bool | None
    feedback_for_training: bool | None


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
    days = msgspec.structs.asdict(body.retention_days)
    return ChosenSettings(
        retention_days={Kind(kind): set_ for kind, set_ in days.items() if set_ is not None},
        archive_evidence=body.archive_evidence,
        feedback_for_training=body.feedback_for_training,
    )


def version_out(version: SettingsVersion) -> SettingsVersionOut:
    """Turn a version into its answer."""
    chosen = version.chosen
    return SettingsVersionOut(
        version=version.version,
        set=SettingsChosen(
            retention_days=RetentionSet(**{kind.value: days for kind, days in chosen.retention_days.items()}),
            archive_evidence=chosen.archive_evidence,
            feedback_for_training=chosen.feedback_for_training,
        ),
        changed_at=version.changed_at,
        changed_by=version.changed_by,
        restored=version.restored,
    )


def settings_out(version: SettingsVersion) -> SettingsOut:
    """Show a version beside the defaults."""
    return SettingsOut(
        current=version_out(version),
        defaults=_holding(EffectiveSettings()),
        effective=_holding(version.chosen.effective()),
    )


def _holding(settings: EffectiveSettings) -> SettingsHolding:
    return SettingsHolding(
        retention_days=RetentionHolding(
            **{kind.value: days for kind, days in settings.retention_days.items()}
        ),
        archive_evidence=settings.archive_evidence,
        feedback_for_training=settings.feedback_for_training,
    )
