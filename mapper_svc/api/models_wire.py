"""Versions of the model over the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from mapper_svc.domain.access import Principal
from mapper_svc.domain.model_address import TOKEN_ENV
from mapper_svc.domain.model_fleet import Fleet, ModelState, ServedModel, Source, Trial, TrialKind
from mapper_svc.domain.trial_figures import ArmFigures
from mapper_svc.domain.trial_report import TrialReport
from mapper_svc.domain.trial_verdict import Finding, Measure

MANAGE = "models:manage"
"""Scope of whoever may change versions."""
VersionId = Annotated[
    str, Meta(pattern=r"^[0-9a-f]{12}$(?!\n)", description="id of the release: twelve hexadecimal digits")
]
_Reason = Annotated[
    str, Meta(max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)", description="for the audit log")
]
_Percent = Annotated[int, Meta(ge=1, le=99, description="share of the tenants, in percent")]


class RegisterModelRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A model server to make known.

    ``token_env`` names the environment variable of this service that holds the server's token; without it
    that of the setting is sent. The token itself is never given.
    """

    url: Annotated[str, Meta(min_length=1, max_length=512, description="base URL, http://host:port")]
    token_env: Annotated[str, Meta(pattern=TOKEN_ENV + r"(?!\n)")] | None = None


class ReasonRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Why."""

    reason: _Reason = ""


class ShareRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How many tenants a version is to serve, and why."""

    percent: _Percent
    reason: _Reason = ""


class RollBackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where to go back to, null for the version that was active last, and why."""

    version: VersionId | None = None
    reason: _Reason = ""


class FeedbackRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whether the label of a finding was right, and which version named it."""

    version: VersionId
    right: bool


class FeedbackOut(msgspec.Struct, frozen=True):
    """Whether it was counted: a trial runs, and the version is the one that serves the caller's tenant."""

    counted: bool


class TrialOut(msgspec.Struct, frozen=True):
    """The version that is being tried, and how."""

    trial_id: UUID
    kind: TrialKind
    version: str
    percent: int
    started_at: datetime


class ModelOut(msgspec.Struct, frozen=True):
    """A version of the model. ``percent`` is its share of the tenants.

    Where its server is, and the variable with that one's token, are told to the platform's admins alone.
    """

    version: str
    name: str
    adapter: str
    base: str
    taxonomy: str
    label_tokens: str
    calibrator: str
    threshold: float | None
    engine: str
    url: str | None
    token_env: str | None
    state: ModelState
    percent: int
    source: Source
    created_at: datetime
    activated_at: datetime | None
    left_at: datetime | None


class ModelsOut(msgspec.Struct, frozen=True):
    """Every version; ``previous`` are those to roll back to, the one that was active last first."""

    revision: int
    active: str | None
    previous: list[str]
    trial: TrialOut | None
    models: list[ModelOut]


class ArmOut(msgspec.Struct, frozen=True):
    """What one arm did since the trial began. Latencies are of answered calls, to about a fifth."""

    version: str
    calls: int
    errors: int
    labels: int
    unsure: int
    p95_ms: float | None
    right: int
    wrong: int


class VerdictOut(msgspec.Struct, frozen=True):
    """What is shown of one measure at any time, with the ends of its confidence sequence."""

    measure: Measure
    finding: Finding
    estimate: float | None
    low: float
    high: float
    trials: int


class TrialReportOut(msgspec.Struct, frozen=True):
    """The running trial, and what the sequential test says of it."""

    trial: TrialOut
    control: ArmOut
    treatment: ArmOut
    pairs: int
    pairs_skipped: int
    pairs_failed: int
    both_sure: int
    agreed: int
    verdicts: list[VerdictOut]


def models_out(fleet: Fleet, principal: Principal) -> ModelsOut:
    """Turn the fleet into the answer to a caller."""
    return ModelsOut(
        revision=fleet.revision,
        active=fleet.active.id if fleet.active else None,
        previous=[model.id for model in fleet.previous],
        trial=trial_out(fleet.trial) if fleet.trial else None,
        models=[model_out(model, fleet, principal) for model in fleet.models],
    )


def model_out(model: ServedModel, fleet: Fleet, principal: Principal) -> ModelOut:
    """Turn one version into the answer to a caller."""
    inside = MANAGE in principal.scopes
    treated = fleet.trial.percent if fleet.trial else 0
    share = {ModelState.ACTIVE: 100 - treated, ModelState.CANARY: treated}
    return ModelOut(
        version=model.id,
        name=model.version.name,
        adapter=model.version.adapter,
        base=model.version.base,
        taxonomy=model.version.taxonomy,
        label_tokens=model.version.label_tokens,
        calibrator=model.version.calibrator,
        threshold=model.version.threshold,
        engine=model.version.engine,
        url=model.url if inside else None,
        token_env=model.token_env if inside else None,
        state=model.state,
        percent=share.get(model.state, 0),
        source=model.source,
        created_at=model.created_at,
        activated_at=model.activated_at,
        left_at=model.left_at,
    )


def trial_out(trial: Trial) -> TrialOut:
    """Turn a trial into the answer, without its salt."""
    return TrialOut(trial.id, trial.kind, trial.version, trial.percent, trial.started_at)


def report_out(report: TrialReport) -> TrialReportOut:
    """Turn a report into the answer."""
    return TrialReportOut(
        trial=trial_out(report.trial),
        control=_arm_out(report.against, report.control),
        treatment=_arm_out(report.trial.version, report.treatment),
        pairs=report.pairs,
        pairs_skipped=report.pairs_skipped,
        pairs_failed=report.pairs_failed,
        both_sure=report.both_sure,
        agreed=report.agreed,
        verdicts=[msgspec.convert(one, VerdictOut, from_attributes=True) for one in report.verdicts],
    )


def _arm_out(version: str, figures: ArmFigures) -> ArmOut:
    return ArmOut(
        version=version,
        calls=figures.calls,
        errors=figures.errors,
        labels=figures.labels,
        unsure=figures.unsure,
        p95_ms=figures.p95_ms(),
        right=figures.right,
        wrong=figures.wrong,
    )
