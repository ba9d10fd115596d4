"""The use cases behind /api/v1/models: every change of the fleet that a person or the service makes."""

import re
import secrets
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from uuid import UUID, uuid4

from mapper_svc.domain import model_transitions as steps
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.model_address import AllowedHosts
from mapper_svc.domain.model_fleet import Fleet, ModelState, ServedModel, Source, Trial, TrialKind
from mapper_svc.domain.model_ports import FleetNews, FleetStore, ModelProbe, Served
from mapper_svc.domain.taxonomy import Taxonomy

CONFIG = "config"
"""Actor of what the service does because a setting says so."""
GUARD = "guard"
"""Actor of what the service does because a version turned out to be worse."""
_ID = re.compile(r"[0-9a-f]{12}")


class ModelRegistry:
    """Changes the fleet: in the store, then here, then everywhere.

    Args:
        store: keeps the fleet.
        probe: asks a model server what it serves.
        news: tells the other replicas.
        take: makes this replica serve by a fleet.
        hosts: the servers that may be named.
        taxonomy: the edition that a model must speak.
    """

    def __init__(
        self,
        *,
        store: FleetStore,
        probe: ModelProbe,
        news: FleetNews,
        take: Callable[[Fleet], None],
        hosts: AllowedHosts,
        taxonomy: Taxonomy,
    ) -> None:
        self._store = store
        self._probe = probe
        self._news = news
        self._take = take
        self._hosts = hosts
        self._taxonomy = taxonomy

    async def fleet(self) -> Fleet:
        """Return the fleet as it is stored now."""
        return await self._store.load()

    async def register(self, url: str, token_env: str | None, *, actor: str) -> ServedModel:
        """Make the version that a server answers with known as a candidate.

        Raises:
            ServiceError: INVALID_REQUEST when the URL is not allowed or the server speaks of other labels;
                SERVICE_UNAVAILABLE when it does not answer; CONFLICT as of `model_transitions.register`.
        """
        model = await self._ask(url, token_env, Source.API)
        fleet = await self._change(lambda before: steps.register(before, model), actor)
        return _found(fleet, model.id)

    async def activate(self, version: str, *, actor: str, reason: str) -> Fleet:
        """Let a version serve everybody."""
        now = _now()
        return await self._change(lambda fleet: steps.activate(fleet, version, now=now, reason=reason), actor)

    async def try_out(self, version: str, kind: TrialKind, percent: int, *, actor: str, reason: str) -> Fleet:
        """Begin a trial, or change the share of one that runs."""
        trial = Trial(
            id=uuid4(),
            kind=kind,
            version=version,
            percent=percent,
            salt=secrets.token_bytes(16),
            started_at=_now(),
        )
        return await self._change(
            lambda fleet: steps.start_trial(fleet, version, trial, reason=reason), actor
        )

    async def abort(self, *, actor: str, reason: str) -> Fleet:
        """End the running trial."""
        return await self._change(lambda fleet: steps.abort(fleet, reason=reason), actor)

    async def roll_back(self, version: str | None, *, actor: str, reason: str) -> Fleet:
        """Go back to one of the last three active versions."""
        now = _now()
        return await self._change(
            lambda fleet: steps.roll_back(fleet, version, now=now, reason=reason), actor
        )

    async def roll_back_trial(
        self, trial_id: UUID, *, reason: str, figures: Mapping[str, object]
    ) -> str | None:
        """End a trial whose version is worse; returns the version, or None when another replica was first."""
        done: list[str] = []

        def step(fleet: Fleet) -> steps.Change:
            change = steps.roll_back_trial(fleet, trial_id, reason=reason, figures=figures)
            done[:] = [change.subject] if change.action else []
            return change

        await self._change(step, GUARD)
        return done[0] if done else None

    async def adopt(self, url: str) -> None:
        """Register and activate what the server of the settings serves, unless a person chose a version.

        Raises:
            ServiceError: as of `register`.
        """
        fleet = await self._store.load()
        if not may_be_adopted(fleet):
            return
        model = await self._ask(url, None, Source.CONFIG)
        now = _now()

        def activate(fleet: Fleet) -> steps.Change:
            if not may_be_adopted(fleet):  # a person was quicker
                return steps.Change(fleet=fleet, action=None, subject=model.id, detail={})
            return steps.activate(
                fleet, model.id, now=now, reason="MAPPER_MODEL_URL serves it", source=Source.CONFIG
            )

        await self._change(lambda before: steps.register(before, model), CONFIG)
        await self._change(activate, CONFIG)

    async def _change(self, step: Callable[[Fleet], steps.Change], actor: str) -> Fleet:
        change = await self._store.change(step, actor=actor)
        self._take(change.fleet)
        if change.action is not None:
            await self._news.tell()
        return change.fleet

    async def _ask(self, url: str, token_env: str | None, source: Source) -> ServedModel:
        base = self._hosts.check(url)
        served = await self._probe.ask(base, token_env)
        self._check(served)
        return ServedModel(
            version=served.version,
            url=base,
            token_env=token_env,
            state=ModelState.CANDIDATE,
            source=source,
            created_at=_now(),
        )

    def _check(self, served: Served) -> None:
        version = served.version
        if not _ID.fullmatch(version.version):
            raise _refused("the id of its release is not twelve hexadecimal digits")
        if version.taxonomy != self._taxonomy.edition:
            raise _refused(
                f"it speaks taxonomy {version.taxonomy[:32]}, and {self._taxonomy.edition} is in use here"
            )
        ours, theirs = tuple(self._taxonomy.labels), served.labels
        if theirs != ours:
            raise _refused(
                f"its {len(theirs)} labels are not the {len(ours)} of the edition in their order:"
                f" {len(set(theirs) - set(ours))} unknown here, {len(set(ours) - set(theirs))} missing"
            )


def may_be_adopted(fleet: Fleet) -> bool:
    """Tell whether the setting has a say: no version is active, or the active one came by the setting."""
    if fleet.trial is not None:
        return False
    if fleet.active is None:
        return not any(model.source is Source.API for model in fleet.models)
    return fleet.active.source is Source.CONFIG


def _found(fleet: Fleet, version: str) -> ServedModel:
    model = fleet.find(version)
    if model is None:
        raise LookupError("a version that was just registered is not there")
    return model


def _refused(why: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, f"the model server cannot be used: {why}", field="url")


def _now() -> datetime:
    return datetime.now(UTC)
