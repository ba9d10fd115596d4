"""What the use cases of a release need of a model registry."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Protocol

import msgspec

MODEL_PREFIX = "llama-mapper-"
"""A registered model is named by this and the recipe."""


class Alias(StrEnum):
    """What a version of a model is at present; each alias is on one version at most."""

    CANDIDATE = "candidate"
    APPROVED = "approved"
    PREVIOUS = "previous"


class Tag(StrEnum):
    """Tags of a version in the registry."""

    RELEASE = "release"
    CONTENT = "content_sha256"
    GATES = "gates"
    REGISTERED_BY = "registered_by"
    TRAINED_BY = "trained_by"
    EDITION = "edition"
    EVALUATION = "evaluation_sha256"
    DATASET = "dataset_sha256"
    BASE = "base"
    APPROVALS = "approvals"
    APPROVED_BY = "approved_by"
    APPROVED_AT = "approved_at"
    APPROVED_REASON = "approved_reason"
    APPROVAL_ENTRY = "approval_entry"
    BENTO = "bento"
    BENTO_TESTED_AT = "bento_tested_at"
    DEPLOYED_AT = "deployed_at"


class RegisteredVersion(msgspec.Struct, frozen=True):
    """One version of a registered model.

    Attributes:
        model: name of the registered model.
        number: number of the version, from 1.
        created: when it was registered, UTC.
        aliases: the aliases that are on it.
        tags: its tags; `Tag` names those that are ours.
    """

    model: str
    number: int
    created: datetime
    aliases: tuple[str, ...]
    tags: Mapping[str, str]

    @property
    def recipe(self) -> str:
        """Name of the recipe that it was trained by."""
        return self.model.removeprefix(MODEL_PREFIX)

    @property
    def name(self) -> str:
        """Model and number, as people write it."""
        return f"{self.model}/{self.number}"

    def tag(self, tag: Tag) -> str:
        """Returns the value of a tag; empty when the version does not have it."""
        return self.tags.get(tag.value, "")


class Registry(Protocol):
    """A model registry. Every method raises RegistryError when it cannot do what it says."""

    def models(self) -> Sequence[str]:
        """Returns the names of the mapper's registered models, sorted."""

    def versions(self, model: str) -> Sequence[RegisteredVersion]:
        """Returns the versions of a model, the newest first; none when there is no such model."""

    def holder(self, model: str, alias: Alias) -> RegisteredVersion | None:
        """Returns the version that has an alias, if there is one."""

    def set_alias(self, version: RegisteredVersion, alias: Alias) -> None:
        """Puts an alias on a version, and takes it from the one that had it."""

    def remove_alias(self, model: str, alias: Alias) -> None:
        """Takes an alias away; nothing happens if no version has it."""

    def set_tags(self, version: RegisteredVersion, tags: Mapping[Tag, str]) -> None:
        """Sets tags of a version, and leaves its other tags."""

    def fetch(self, version: RegisteredVersion, target: Path) -> None:
        """Writes the release folder of a version into a new folder."""


def model_of(recipe: str) -> str:
    """Returns the name of the registered model of a recipe."""
    return f"{MODEL_PREFIX}{recipe}"
