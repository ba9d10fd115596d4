"""The versions of the model, put together from the settings: what routes to them, judges and changes them."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from opentelemetry.sdk.trace import TracerProvider
from redis.asyncio import Redis

from mapper_svc.adapters.database import Database
from mapper_svc.adapters.http_client import make_http_client
from mapper_svc.adapters.metrics import Metrics
from mapper_svc.adapters.model_client import BentoModel
from mapper_svc.adapters.model_events import FleetEventsLog
from mapper_svc.adapters.model_fleet_repository import ModelFleetRepository
from mapper_svc.adapters.model_news import ModelNews
from mapper_svc.adapters.model_probe import BentoProbe, UnknownTokenError
from mapper_svc.adapters.model_trial_repository import ModelTrialRepository
from mapper_svc.adapters.tracing import trace_client
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.errors import ServiceError
from mapper_svc.domain.label_model import AskedLabel, ModelAnswer, ModelFault, ModelUnavailableError
from mapper_svc.domain.mirrors import Mirrors
from mapper_svc.domain.model_address import AllowedHosts
from mapper_svc.domain.model_adoption import ModelAdoption
from mapper_svc.domain.model_feedback import ModelFeedback
from mapper_svc.domain.model_fleet import ServedModel
from mapper_svc.domain.model_registry import ModelRegistry
from mapper_svc.domain.model_router import FleetRouter
from mapper_svc.domain.model_watch import ModelWatch
from mapper_svc.domain.ports import LabelModel
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.domain.trial_guard import GuardLimits
from mapper_svc.domain.trial_keeper import JudgeLimits, TrialKeeper
from mapper_svc.domain.trial_model import TrialLimits
from mapper_svc.domain.trial_report import TrialReports
from mapper_svc.settings import Settings

# A version is probed while all calls that may be are under way.
_SPARE_CONNECTIONS = 4


class NoModelError(Exception):
    """A model is expected, and none is active yet."""


class OtherReleaseError(Exception):
    """The server of the active version serves another release, or one of the same id with other parts."""


class ModelFleet:
    """Makes the parts; `running` gives them life.

    Args:
        settings: all of them.
        taxonomy: the edition that models must speak.
        database: keeps the fleet.
        valkey: carries news of it.
        tracing: makes a span of each call.
        metrics: hears of everything.
        environment: holds service tokens, by the names that versions refer to.

    Attributes:
        router: says which version serves a tenant.
        registry: changes the fleet.
        reports: say what a trial has shown.
        feedback: takes what people say of findings.
    """

    def __init__(
        self,
        settings: Settings,
        taxonomy: Taxonomy,
        *,
        database: Database,
        valkey: Redis,
        tracing: TracerProvider,
        metrics: Metrics,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._settings = settings
        self._taxonomy = taxonomy
        self._client = trace_client(
            make_http_client(
                timeout_s=settings.model_call_timeout_ms / 1000,
                max_connections=settings.model_calls_at_once
                + settings.trial_tries
                + settings.trial_mirrors
                + _SPARE_CONNECTIONS,
            ),
            tracing,
        )
        self._metrics = metrics
        self._environment = environment
        self._tries = Mirrors(settings.trial_tries)
        self._mirrors = Mirrors(settings.trial_mirrors)
        self._loops = BackgroundWork()
        self._news = ModelNews(valkey)
        self._probe = BentoProbe(self._client, self._token_of)
        store, trials = ModelFleetRepository(database), ModelTrialRepository(database)
        events = FleetEventsLog(metrics)
        self.router = FleetRouter(
            connect=self._connect,
            tries=self._tries,
            mirrors=self._mirrors,
            limits=_trial_limits(settings),
            events=events,
            expected=bool(settings.model_url),
        )
        self.registry = ModelRegistry(
            store=store,
            probe=self._probe,
            news=self._news,
            take=self.router.take,
            hosts=AllowedHosts(settings.model_hosts),
            taxonomy=taxonomy,
        )
        self.reports = TrialReports(
            store, trials, ab_error=settings.ab_error, min_agreement=settings.trial_min_agreement
        )
        self.feedback = ModelFeedback(self.router)
        self._watch = ModelWatch(
            store=store,
            news=self._news,
            router=self.router,
            events=events,
            poll_s=settings.model_poll_ms / 1000,
        )
        self._keeper = TrialKeeper(
            trials=trials,
            router=self.router,
            registry=self.registry,
            events=events,
            limits=_judge_limits(settings),
        )
        self._adoption = (
            ModelAdoption(registry=self.registry, router=self.router, events=events, url=settings.model_url)
            if settings.model_url
            else None
        )

    async def check(self) -> None:
        """Raise what stands in the way of using the active version; for readiness."""
        fleet = self.router.fleet
        if fleet is None or fleet.active is None:
            if self._settings.model_url:
                raise NoModelError
            return
        serves = await self._probe.check(fleet.active.url, fleet.active.token_env)
        if not serves.is_same_release(fleet.active.version):
            raise OtherReleaseError

    def threshold_of(self, tenant_id: UUID) -> float | None:
        """Return the least confidence of the version that serves the tenant, or None where none does."""
        try:
            routed = self.router.pick(tenant_id)
        except ModelUnavailableError:
            return None
        return None if routed is None else routed.version.threshold

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep in step for the length of the block; then end what is under way."""
        self._loops.start(self._news.follow())
        self._loops.start(self._watch.follow())
        self._loops.start(self._keeper.keep())
        if self._adoption is not None:
            self._loops.start(self._adoption.keep())
        try:
            yield
        finally:
            await self._loops.close()
            await self._tries.close()
            await self._mirrors.close()
            await self._client.aclose()

    def _connect(self, model: ServedModel) -> LabelModel:
        try:
            # Again, as the setting may be stricter by now than when it was registered.
            url = AllowedHosts(self._settings.model_hosts).check(model.url)
            token = self._token_of(model.token_env)
        except (ServiceError, UnknownTokenError):
            return _Unusable()
        return BentoModel(
            self._client,
            url,
            token,
            self._taxonomy,
            self._metrics,
            timeout_s=self._settings.model_call_timeout_ms / 1000,
            breaker_failures=self._settings.model_breaker_failures,
            breaker_open_s=self._settings.model_breaker_open_ms / 1000,
        )

    def _token_of(self, variable: str | None) -> str:
        if variable is None:
            return self._settings.model_token
        token = self._environment.get(variable, "")
        if not token:
            raise UnknownTokenError(variable)
        return token


class _Unusable:
    """A version that this replica may not ask: its host is not allowed, or its token is not there."""

    async def distributions(self, asked: Sequence[AskedLabel]) -> ModelAnswer:  # noqa: ARG002 - the port's shape
        raise ModelUnavailableError(ModelFault.REFUSED)


def _trial_limits(settings: Settings) -> TrialLimits:
    return TrialLimits(
        patience_s=settings.trial_patience_ms / 1000,
        mirror_share=settings.trial_mirror_share,
        slow_ms=settings.ab_slow_ms,
    )


def _judge_limits(settings: Settings) -> JudgeLimits:
    guard = GuardLimits(
        min_calls=settings.trial_min_calls,
        error_margin=settings.trial_error_margin,
        fallback_margin=settings.trial_fallback_margin,
        latency_ratio=settings.trial_latency_ratio,
        latency_slack_ms=settings.trial_latency_slack_ms,
        min_agreement=settings.trial_min_agreement,
    )
    return JudgeLimits(window_s=settings.trial_window_s, guard=guard, ab_error=settings.ab_error)
