"""What a tenant set, field by field, and what a setting may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.retention_kinds import TERMS, Kind


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """What holds for a tenant; as constructed without arguments, the defaults.

    Attributes:
        retention_days: after how many days each kind of data is deleted.
        archive_evidence: whether evidence is written to the write-once archive before it is deleted.
        feedback_for_training: whether reviewed feedback of the tenant may enter training.
    """

    retention_days: Mapping[Kind, int] = field(
        default_factory=lambda: MappingProxyType({kind: term.default for kind, term in TERMS.items()})
    )
    archive_evidence: bool = False
    feedback_for_training: bool = False


@dataclass(frozen=True, slots=True)
class ChosenSettings:
    """What a tenant set; None, or an absent kind, is left to the default.

    The fields are those of `EffectiveSettings`.
    """

    retention_days: Mapping[Kind, int] = field(default_factory=lambda: MappingProxyType({}))
    archive_evidence: bool | None = None
    feedback_for_training: bool | None = None

    def effective(self) -> EffectiveSettings:
        """Return what holds, defaults filled in."""
        default = EffectiveSettings()
        return EffectiveSettings(
            retention_days=MappingProxyType({**default.retention_days, **self.retention_days}),
            archive_evidence=(
                default.archive_evidence if self.archive_evidence is None else self.archive_evidence
            ),
            feedback_for_training=(
                default.feedback_for_training
                if self.feedback_for_training is None
                else self.feedback_for_training
            ),
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


def check_settings(chosen: ChosenSettings) -> None:
    """Refuse settings that cannot hold.

    Raises:
        ServiceError: INVALID_REQUEST naming the field and its limit.
    """
    for kind, days in chosen.retention_days.items():
        term = TERMS[kind]
        if not term.least <= days <= term.most:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST,
                f"must be from {term.least} to {term.most} days",
                field=f"retention_days.{kind}",
            )


def chosen_to_json(chosen: ChosenSettings) -> dict[str, object]:
    """Return only what is set, so that a later default holds for what is not."""
    fields: dict[str, object] = {
        "retention_days": {kind.value: days for kind, days in sorted(chosen.retention_days.items())},
        "archive_evidence": chosen.archive_evidence,
        "feedback_for_training": chosen.feedback_for_training,
    }
    return {name: value for name, value in fields.items() if value not in (None, {})}


def chosen_of_json(stored: Mapping[str, object]) -> ChosenSettings:
    """Read what `chosen_to_json` wrote; a kind that only a newer version knows is left out."""
    days = stored.get("retention_days", {})
    archive, training = stored.get("archive_evidence"), stored.get("feedback_for_training")
    return ChosenSettings(
        retention_days={kind: int(days[kind]) for kind in Kind if kind in days}
        if isinstance(days, Mapping)
        else {},
        archive_evidence=archive if isinstance(archive, bool) else None,
        feedback_for_training=training if isinstance(training, bool) else None,
    )
