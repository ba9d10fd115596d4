"""Every change of the fleet, as a function from one fleet to the next; what is not allowed raises."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.model_fleet import (
    PREVIOUS_KEPT,
    EndedTrial,
    Fleet,
    ModelState,
    Outcome,
    ServedModel,
    Source,
    Trial,
    TrialKind,
)

_STATE_OF = {
    TrialKind.SHADOW: ModelState.SHADOW,
    TrialKind.CANARY: ModelState.CANARY,
    TrialKind.AB: ModelState.CANARY,
}
_TRYABLE = frozenset({ModelState.CANDIDATE, ModelState.PREVIOUS, ModelState.SHADOW, ModelState.CANARY})


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A step from one fleet to the next.

    Attributes:
        fleet: as it is afterwards.
        action: what was done, for the audit log; None when there was nothing to do.
        subject: the version it was done to.
        detail: what else the audit log says; metadata.
        ended: the trial that ended by it.
    """

    fleet: Fleet
    action: str | None
    subject: str
    detail: Mapping[str, object]
    ended: EndedTrial | None = None


def register(fleet: Fleet, model: ServedModel) -> Change:
    """Make a version known as a candidate, or move a known one to another Bento.

    Raises:
        ServiceError: CONFLICT when another release has the same id.
    """
    known = fleet.find(model.id)
    if known is None:
        fresh = replace(model, state=ModelState.CANDIDATE)
    elif replace(known.version, engine="") != replace(model.version, engine=""):
        raise ServiceError(
            ErrorCode.CONFLICT,
            f"version {model.id} is known with other contents; its Bento is not what it says",
        )
    else:
        again = known.state is ModelState.RETIRED
        fresh = replace(
            known,
            version=model.version,
            url=model.url,
            token_env=model.token_env,
            state=ModelState.CANDIDATE if again else known.state,
        )
        if fresh == known:
            return _nothing(fleet, model.id)
    detail = {"url": model.url, "name": model.version.name, "adapter": model.version.adapter}
    return Change(
        fleet=_next(fleet, {fresh.id: fresh}, fleet.trial),
        action="model.registered" if known is None else "model.moved",
        subject=model.id,
        detail=detail,
    )


def activate(
    fleet: Fleet, version: str, *, now: datetime, reason: str, source: Source = Source.API
) -> Change:
    """Let a version serve everybody; the one before stays ready to be rolled back to.

    Args:
        fleet: as it is.
        version: which.
        now: UTC.
        reason: of whoever does it.
        source: who does it: what a person chose, no setting overrides.

    Raises:
        ServiceError: NOT_FOUND; CONFLICT when it is retired, or while another version is tried.
    """
    model = _known(fleet, version)
    if model.state is ModelState.ACTIVE:
        return _nothing(fleet, version)
    if model.state is ModelState.RETIRED:
        raise _conflict(f"version {version} is retired; register it again first")
    if fleet.trial is not None and fleet.trial.version != version:
        raise _conflict(f"version {fleet.trial.version} is being tried; activate or abort that first")
    changed = {
        version: replace(model, state=ModelState.ACTIVE, source=source, activated_at=now, left_at=None)
    }
    before = fleet.active
    if before is not None:
        changed[before.id] = replace(before, state=ModelState.PREVIOUS, left_at=now)
    ended = _ended(fleet, Outcome.PROMOTED, reason)
    return Change(
        fleet=_retire_oldest(_next(fleet, changed, None)),
        action="model.activated",
        subject=version,
        detail={"before": before.id if before else None, "reason": reason},
        ended=ended,
    )


def start_trial(fleet: Fleet, version: str, trial: Trial, *, reason: str = "") -> Change:
    """Try a version beside or instead of the active one; a running trial of the same kind changes its share.

    Args:
        fleet: as it is.
        version: which.
        trial: the trial to begin; of a running one of the same version and kind only ``percent`` is taken.
        reason: of the person who does it.

    Raises:
        ServiceError: NOT_FOUND; CONFLICT without an active version, while another one is tried, or when
            the version is active or retired.
    """
    model = _known(fleet, version)
    if fleet.active is None:
        raise _conflict("no version is active to compare with; activate one first")
    if model.state not in _TRYABLE:
        raise _conflict(f"version {version} is {model.state}; only one that serves nobody can be tried")
    running = fleet.trial
    if running is not None and running.version != version:
        raise _conflict(f"version {running.version} is being tried; abort that first")
    if running is not None and running.kind is trial.kind:
        if running.percent == trial.percent:
            return _nothing(fleet, version)
        return Change(
            fleet=_next(fleet, {}, replace(running, percent=trial.percent)),
            action=f"model.{trial.kind}_resized",
            subject=version,
            detail={
                "trial": str(running.id),
                "percent": trial.percent,
                "before": running.percent,
                "reason": reason,
            },
        )
    return Change(
        fleet=_next(fleet, {version: replace(model, state=_STATE_OF[trial.kind])}, trial),
        action=f"model.{trial.kind}_started",
        subject=version,
        detail={
            "trial": str(trial.id),
            "percent": trial.percent,
            "against": fleet.active.id,
            "reason": reason,
        },
        ended=_ended(fleet, Outcome.REPLACED, f"goes on as {trial.kind}"),
    )


def abort(fleet: Fleet, *, reason: str) -> Change:
    """End the running trial; its version is a candidate again.

    Raises:
        ServiceError: CONFLICT when none runs.
    """
    model = fleet.tried
    if fleet.trial is None or model is None:
        raise _conflict("no version is being tried")
    return Change(
        fleet=_next(fleet, {model.id: replace(model, state=ModelState.CANDIDATE)}, None),
        action="model.trial_aborted",
        subject=model.id,
        detail={"trial": str(fleet.trial.id), "reason": reason},
        ended=_ended(fleet, Outcome.ABORTED, reason),
    )


def roll_back_trial(fleet: Fleet, trial_id: UUID, *, reason: str, figures: Mapping[str, object]) -> Change:
    """End the trial of that id because its version is worse, and retire it; nothing if it no longer runs.

    Args:
        fleet: as it is.
        trial_id: the trial that was judged.
        reason: a word for why.
        figures: what it was judged by.
    """
    model = fleet.tried
    if fleet.trial is None or fleet.trial.id != trial_id or model is None:
        return _nothing(fleet, "")
    return Change(
        fleet=_next(fleet, {model.id: replace(model, state=ModelState.RETIRED)}, None),
        action="model.trial_rolled_back",
        subject=model.id,
        detail={"trial": str(trial_id), "reason": reason, **figures},
        ended=_ended(fleet, Outcome.ROLLED_BACK, reason),
    )


def roll_back(fleet: Fleet, version: str | None, *, now: datetime, reason: str) -> Change:
    """Go back to one of the last three active versions and retire the one in use; a running trial ends.

    Args:
        fleet: as it is.
        version: which, or None for the one that was active last.
        now: UTC.
        reason: of the person who does it.

    Raises:
        ServiceError: NOT_FOUND; CONFLICT when there is nothing to go back to.
    """
    current = fleet.active
    if current is None:
        raise _conflict("no version is active")
    if version is None:
        if not fleet.previous:
            raise _conflict("no earlier version is kept to roll back to")
        target = fleet.previous[0]
    else:
        target = _known(fleet, version)
        if target.state is not ModelState.PREVIOUS:
            raise _conflict(
                f"version {version} is {target.state}; only one of the last three can be rolled back to"
            )
    changed = {
        target.id: replace(
            target, state=ModelState.ACTIVE, source=Source.API, activated_at=now, left_at=None
        ),
        current.id: replace(current, state=ModelState.RETIRED, left_at=now),
    }
    tried = fleet.tried
    if tried is not None:
        changed[tried.id] = replace(tried, state=ModelState.CANDIDATE)
    return Change(
        fleet=_next(fleet, changed, None),
        action="model.rolled_back",
        subject=target.id,
        detail={"before": current.id, "reason": reason},
        ended=_ended(fleet, Outcome.ABORTED, "the active version was rolled back"),
    )


def _known(fleet: Fleet, version: str) -> ServedModel:
    model = fleet.find(version)
    if model is None:
        raise ServiceError(ErrorCode.NOT_FOUND, "no version of that id is registered", field="version")
    return model


def _conflict(detail: str) -> ServiceError:
    return ServiceError(ErrorCode.CONFLICT, detail)


def _nothing(fleet: Fleet, subject: str) -> Change:
    return Change(fleet=fleet, action=None, subject=subject, detail={})


def _ended(fleet: Fleet, outcome: Outcome, reason: str) -> EndedTrial | None:
    return None if fleet.trial is None else EndedTrial(trial=fleet.trial, outcome=outcome, reason=reason)


def _next(fleet: Fleet, changed: Mapping[str, ServedModel], trial: Trial | None) -> Fleet:
    kept = {model.id: model for model in fleet.models} | dict(changed)
    return Fleet(revision=fleet.revision + 1, models=tuple(kept[key] for key in sorted(kept)), trial=trial)


def _retire_oldest(fleet: Fleet) -> Fleet:
    beyond = {model.id for model in fleet.previous[PREVIOUS_KEPT:]}
    models = (
        replace(model, state=ModelState.RETIRED) if model.id in beyond else model for model in fleet.models
    )
    return replace(fleet, models=tuple(models))
