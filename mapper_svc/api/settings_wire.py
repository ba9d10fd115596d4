"""Tenant settings over the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

import msgspec
from msgspec import Meta

from mapper_svc.domain.chosen_settings import ChosenSettings, SettingsVersion
from mapper_svc.domain.tenant_settings import MappingChoices, Piece

LABELS_MAX = 200
Threshold = Annotated[float, Meta(ge=0, le=1)]
LabelName = Annotated[str, Meta(min_length=1, max_length=128, pattern=r"^[A-Za-z_.]*$(?!\n)")]


class TiersSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Pieces of the mapping, each on, off, or null for the default.

    ``rule`` is the vendor files' exact rules, ``model`` the model with the embedding head, ``semantic`` the
    embedding head alone, ``similarity`` rules by likeness of words.
    """

    rule: bool | None = None
    model: bool | None = None
    semantic: bool | None = None
    similarity: bool | None = None


class SettingsSet(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a tenant sets; null, or what is left out, is the default.

    Thresholds are the least confidence at which an answer of the model counts. They can raise the model
    version's own and never lower it.
    """

    tiers: TiersSet = msgspec.field(default_factory=TiersSet)
    threshold: Threshold | None = None
    label_thresholds: Annotated[dict[LabelName, Threshold], Meta(max_length=LABELS_MAX)] = {}
    feedback_for_training: bool | None = None


class TiersHolding(msgspec.Struct, frozen=True):
    """Pieces of the mapping, on or off."""

    rule: bool
    model: bool
    semantic: bool
    similarity: bool


class SettingsHolding(msgspec.Struct, frozen=True):
    """What holds. ``threshold`` is null when no model is known whose threshold it could be."""

    tiers: TiersHolding
    threshold: float | None
    label_thresholds: dict[str, float]
    feedback_for_training: bool


class SettingsChosen(msgspec.Struct, frozen=True):
    """What a tenant set; null is the default."""

    tiers: TiersSet
    threshold: float | None
    label_thresholds: dict[str, float]
    feedback_for_training: bool | None


class SettingsVersionOut(msgspec.Struct, frozen=True):
    """One version of a tenant's settings; ``restored`` names the version that was gone back to."""

    version: int
    set: SettingsChosen
    taxonomy: str
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
    tiers: Mapping[str, bool | None] = msgspec.structs.asdict(body.tiers)
    return ChosenSettings(
        tiers={Piece(name): on for name, on in tiers.items() if on is not None},
        threshold=body.threshold,
        label_thresholds=body.label_thresholds,
        feedback_for_training=body.feedback_for_training,
    )


def version_out(version: SettingsVersion) -> SettingsVersionOut:
    """Turn a version into its answer."""
    chosen = version.chosen
    return SettingsVersionOut(
        version=version.version,
        set=SettingsChosen(
            tiers=TiersSet(**{piece.value: on for piece, on in chosen.tiers.items()}),
            threshold=chosen.threshold,
            label_thresholds=dict(chosen.label_thresholds),
            feedback_for_training=chosen.feedback_for_training,
        ),
        taxonomy=version.taxonomy,
        changed_at=version.changed_at,
        changed_by=version.changed_by,
        restored=version.restored,
    )


def settings_out(version: SettingsVersion, models: float | None) -> SettingsOut:
    """Show a version beside the defaults.

    Args:
        version: what the tenant set.
        models: threshold of the model version that serves the tenant, or None when none is known.
    """
    return SettingsOut(
        current=version_out(version),
        defaults=_holding(MappingChoices(), models),
        effective=_holding(version.chosen.effective(), models),
    )


def _holding(choices: MappingChoices, models: float | None) -> SettingsHolding:
    raised = choices.threshold if models is None else max(models, choices.threshold or 0.0)
    return SettingsHolding(
        tiers=TiersHolding(**{piece.value: choices.on(piece) for piece in Piece}),
        threshold=raised,
        label_thresholds={
            label: max(own, raised or 0.0) for label, own in sorted(choices.label_thresholds.items())
        },
        feedback_for_training=choices.feedback_for_training,
    )
