"""Which version of the model serves a tenant: from memory, by the last fleet that this replica took."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from uuid import UUID

from mapper_svc.domain.label_model import ModelFault, ModelUnavailableError
from mapper_svc.domain.mirrors import Mirrors
from mapper_svc.domain.model_arms import Arm, arm_of
from mapper_svc.domain.model_fleet import Fleet, ServedModel, Trial
from mapper_svc.domain.model_ports import Connect, FleetEvents
from mapper_svc.domain.ports import LabelModel, RoutedModel
from mapper_svc.domain.trial_figures import Tally
from mapper_svc.domain.trial_model import ExpectedVersion, TrialLimits, TrialModel


@dataclass(frozen=True, slots=True)
class _Routes:
    """Everything that `pick` needs of one fleet."""

    active: RoutedModel | None = None
    trial: Trial | None = None
    arms: Mapping[Arm, RoutedModel] = field(default_factory=lambda: MappingProxyType({}))


class FleetRouter:
    """Implements the port `ModelRouter`.

    Args:
        connect: makes the way to a version's server; kept as long as the version is in use, so that what it
            learnt of the server (a breaker, open connections) outlives a change elsewhere.
        tries: holds calls of the tried version, which go on when the request has no more patience.
        mirrors: holds calls that are made for comparison only.
        limits: what a trial may cost.
        events: hears of what happens.
        expected: whether there is to be a model although none is registered yet.
    """

    def __init__(
        self,
        *,
        connect: Connect,
        tries: Mirrors,
        mirrors: Mirrors,
        limits: TrialLimits,
        events: FleetEvents,
        expected: bool,
    ) -> None:
        self._connect = connect
        self._tries = tries
        self._mirrors = mirrors
        self._limits = limits
        self._events = events
        self._expected = expected
        self._fleet: Fleet | None = None
        self._routes = _Routes()
        self._ways: dict[tuple[str, str, str | None], LabelModel] = {}
        self._tally = Tally()
        self.strange_version = asyncio.Event()
        """Set when a server answered with another version than it is registered with."""

    @property
    def fleet(self) -> Fleet | None:
        """The fleet that is served by; None until one was taken."""
        return self._fleet

    @property
    def tally(self) -> Tally:
        """The counts of the running trial."""
        return self._tally

    def take(self, fleet: Fleet) -> None:
        """Serve by this fleet from now on; questions under way end as they began."""
        known = self._fleet
        if known is not None and fleet.revision == known.revision:
            return
        if known is None or known.trial is None or fleet.trial is None or known.trial.id != fleet.trial.id:
            self._tally = Tally()  # what is still being counted of the last trial has no place in this one
        self._fleet = fleet
        ways = {}
        for model in (fleet.active, fleet.tried):
            if model is not None:
                key = (model.id, model.url, model.token_env)
                ways[key] = self._ways.get(key) or ExpectedVersion(
                    self._connect(model), model.version, self.strange_version
                )
        self._ways = ways
        self._routes = self._routes_of(fleet)
        self._events.fleet_taken(fleet)

    def pick(self, tenant_id: UUID) -> RoutedModel | None:
        """Return the model of the tenant; None when there is none and none is expected.

        Raises:
            ModelUnavailableError: UNREACHABLE when the fleet is not known yet, or the server that the
                settings name could not be registered yet.
        """
        routes = self._routes
        if routes.active is None:
            if self._fleet is None or self._expected:
                raise ModelUnavailableError(ModelFault.UNREACHABLE)
            return None
        if routes.trial is None:
            return routes.active
        return routes.arms[arm_of(tenant_id, routes.trial)]

    def _routes_of(self, fleet: Fleet) -> _Routes:
        active, tried, trial = fleet.active, fleet.tried, fleet.trial
        if active is None:
            return _Routes()
        alone = RoutedModel(self._way(active), active.version)
        if trial is None or tried is None:
            return _Routes(active=alone)
        models = {Arm.CONTROL: self._way(active), Arm.TREATMENT: self._way(tried)}
        versions = {Arm.CONTROL: active.version, Arm.TREATMENT: tried.version}
        arms = {
            arm: RoutedModel(
                TrialModel(
                    arm,
                    trial.kind,
                    models,
                    tally=self._tally,
                    tries=self._tries,
                    mirrors=self._mirrors,
                    limits=self._limits,
                    events=self._events,
                ),
                versions[arm],
            )
            for arm in Arm
        }
        return _Routes(alone, trial, MappingProxyType(arms))

    def _way(self, model: ServedModel) -> LabelModel:
        return self._ways[model.id, model.url, model.token_env]
