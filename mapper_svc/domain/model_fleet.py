"""The versions of the model and what each is used for; a value, changed only by model_transitions.py."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from mapper_svc.domain.label_model import ModelVersion

PREVIOUS_KEPT = 3
"""How many versions that were active stay ready to be rolled back to."""


class ModelState(StrEnum):
    """What a version is used for.

    Members:
        CANDIDATE: registered, serves nobody.
        SHADOW: is asked beside the active one; its answers are compared and dropped.
        CANARY: serves a share of the tenants.
        ACTIVE: serves everybody else.
        PREVIOUS: was active, one of the last three; may be rolled back to.
        RETIRED: taken out; registering it again makes it a candidate.
    """

    CANDIDATE = "candidate"
    SHADOW = "shadow"
    CANARY = "canary"
    ACTIVE = "active"
    PREVIOUS = "previous"
    RETIRED = "retired"


class TrialKind(StrEnum):
    """How a version is tried: beside the active one, on some tenants, or on some tenants with a test."""

    SHADOW = "shadow"
    CANARY = "canary"
    AB = "ab"


class Source(StrEnum):
    """Who made a version known: the setting of the service, or a person through the API."""

    CONFIG = "config"
    API = "api"


class Outcome(StrEnum):
    """How a trial ended.

    Members:
        PROMOTED: its version became the active one.
        ABORTED: a person ended it, or the active version was rolled back under it.
        REPLACED: the same version went on in a trial of another kind.
        ROLLED_BACK: the guard or the test found the version worse.
    """

    PROMOTED = "promoted"
    ABORTED = "aborted"
    REPLACED = "replaced"
    ROLLED_BACK = "rolled_back"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """A version and the Bento that serves it.

    Attributes:
        version: what the Bento says it is; ``version.version`` is its id.
        url: base URL of the Bento.
        token_env: name of the environment variable that holds the Bento's service token; None for the
            service's own setting. Never the token.
        state: what it is used for.
        source: who made it known.
        created_at: when, UTC.
        activated_at: when it last became active, UTC.
        left_at: when it last stopped being active, UTC.
    """

    version: ModelVersion
    url: str
    token_env: str | None
    state: ModelState
    source: Source
    created_at: datetime
    activated_at: datetime | None = None
    left_at: datetime | None = None

    @property
    def id(self) -> str:
        """The id of the release."""
        return self.version.version


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A version that is being tried; there is one at most.

    Attributes:
        id: names it in counts and audit events.
        kind: how it is tried.
        version: id of the version.
        percent: share of the tenants that it serves, in percent; 0 for a shadow.
        salt: secret key of the hash that assigns tenants, so that nobody can choose an id that falls in.
        started_at: when, UTC.
    """

    id: UUID
    kind: TrialKind
    version: str
    percent: int
    salt: bytes
    started_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedTrial:
    """How a trial ended."""

    trial: Trial
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Fleet:
    """Every version known, at one moment.

    Attributes:
        revision: grows by one with each change.
        models: by id of the release.
        trial: the one that runs, or None.
    """

    revision: int = 0
    models: tuple[ServedModel, ...] = ()
    trial: Trial | None = None

    def find(self, version: str) -> ServedModel | None:
        """Return the version of that id."""
        return next((model for model in self.models if model.id == version), None)

    @property
    def active(self) -> ServedModel | None:
        """The version that serves everybody who is in no trial."""
        return next((model for model in self.models if model.state is ModelState.ACTIVE), None)

    @property
    def tried(self) -> ServedModel | None:
        """The version of the running trial."""
        return None if self.trial is None else self.find(self.trial.version)

    @property
    def previous(self) -> tuple[ServedModel, ...]:
        """Those that may be rolled back to, the one that was active last first."""
        kept = [model for model in self.models if model.state is ModelState.PREVIOUS]
        return tuple(sorted(kept, key=_left_at, reverse=True))


def _left_at(model: ServedModel) -> tuple[datetime, str]:
    return (model.left_at or model.created_at, model.id)
