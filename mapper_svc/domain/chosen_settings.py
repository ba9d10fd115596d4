"""What a tenant set, field by field, and what a setting may be."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType

from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.label_model import LEAST_THRESHOLD
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.domain.tenant_settings import MappingChoices, Piece


@dataclass(frozen=True, slots=True)
class ChosenSettings:
    """What a tenant set; None, or an absent piece or label, is left to the default.

    Attributes:
        tiers: pieces of the mapping, on or off.
        threshold: least confidence in [0, 1] of any label that a model names.
        label_thresholds: the same for single labels, by canonical name.
        feedback_for_training: whether feedback of the tenant may enter training.
    """

    tiers: Mapping[Piece, bool] = field(default_factory=lambda: MappingProxyType({}))
    threshold: float | None = None
    label_thresholds: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    feedback_for_training: bool | None = None

    def effective(self) -> MappingChoices:
        """Returns what holds, defaults filled in."""
        default = MappingChoices()
        return MappingChoices(
            off=frozenset(piece for piece in Piece if not self.tiers.get(piece, default.on(piece))),
            threshold=self.threshold,
            label_thresholds=MappingProxyType(dict(self.label_thresholds)),
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
        taxonomy: edition of the labels in `chosen`; empty for version 0.
        changed_at: when, UTC; None for version 0.
        changed_by: token id of who set it; None for version 0.
        restored: the version that was gone back to, or None.
    """

    version: int = 0
    chosen: ChosenSettings = field(default_factory=ChosenSettings)
    taxonomy: str = ""
    changed_at: datetime | None = None
    changed_by: str | None = None
    restored: int | None = None


def check_settings(chosen: ChosenSettings, *, taxonomy: Taxonomy, models: float | None) -> None:
    """Refuses settings that cannot hold.

    Args:
        chosen: to be checked.
        taxonomy: the edition in use.
        models: threshold of the model version that serves the tenant, or None when no model is known; then
            the least that any version may have is the limit.

    Raises:
        ServiceError: INVALID_REQUEST naming the field and its limit.
    """
    if chosen.threshold is not None:
        _check_raised("threshold", chosen.threshold, models)
    for name, threshold in chosen.label_thresholds.items():
        label = taxonomy.find(name)
        if label is None:
            raise _refused("label_thresholds", f"there is no such label in taxonomy {taxonomy.edition}")
        if label.name != name:
            raise _refused(f"label_thresholds.{label.name}", "a label is given by its canonical name")
        _check_raised(f"label_thresholds.{name}", threshold, models)


def _check_raised(where: str, threshold: float, models: float | None) -> None:
    least = LEAST_THRESHOLD if models is None else models
    if not least <= threshold <= 1.0:
        whose = "the least of any model version" if models is None else "that of the model version in use"
        raise _refused(where, f"must be from {least:g}, {whose}, to 1: a tenant can only raise it")


def _refused(where: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=where)
