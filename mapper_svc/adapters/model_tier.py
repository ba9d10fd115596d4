"""Puts the model tier together from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from opentelemetry.sdk.trace import TracerProvider
from redis.asyncio import Redis

from mapper_svc.adapters.distribution_cache import CachedDistributions, key_from
from mapper_svc.adapters.http_client import make_http_client
from mapper_svc.adapters.metrics import Metrics
from mapper_svc.adapters.model_client import BentoModel
from mapper_svc.adapters.single_model_router import SingleModelRouter
from mapper_svc.adapters.tracing import trace_client
from mapper_svc.domain.ask_model import AskModel, ModelEvents
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.settings import Settings

# A server is asked for its version while all calls that may be are under way.
_SPARE_CONNECTIONS = 4


class ModelTier:
    """The model of `MAPPER_MODEL_URL`, its cache and the connections to it.

    Args:
        settings: all of them.
        taxonomy: the edition in use.
        valkey: shared by all processes.
        tracing: makes a span of each call.
        metrics: hears of calls, hits and misses.
        events: hears of labels that no model was heard on.
    """

    def __init__(
        self,
        settings: Settings,
        taxonomy: Taxonomy,
        *,
        valkey: Redis,
        tracing: TracerProvider,
        metrics: Metrics,
        events: ModelEvents,
    ) -> None:
        timeout_s = settings.model_call_timeout_ms / 1000
        connections = settings.model_calls_at_once + _SPARE_CONNECTIONS
        self._client = trace_client(
            make_http_client(timeout_s=timeout_s, max_connections=connections), tracing
        )
        self._calls = BackgroundWork(settings.model_calls_at_once)
        self._polls = BackgroundWork(1)
        self.router = SingleModelRouter(
            BentoModel(
                self._client,
                settings.model_url,
                settings.model_token,
                taxonomy,
                metrics,
                timeout_s=timeout_s,
                breaker_failures=settings.model_breaker_failures,
                breaker_open_s=settings.model_breaker_open_ms / 1000,
            )
        )
        labels = tuple(taxonomy.labels)
        cache = CachedDistributions(
            valkey,
            settings.model_cache_key or key_from(settings.model_token),
            metrics,
            labels=len(labels),
            entries=settings.model_cache_entries,
            kept_s=settings.model_cache_seconds,
        )
        self.ask = AskModel(
            self.router,
            cache,
            events,
            self._calls,
            budget_s=settings.model_budget_ms / 1000,
            labels_per_call=settings.model_labels_per_call,
            labels=labels,
        )

    async def check(self) -> None:
        """Raise what stands in the way of using the model; for readiness."""
        await self.router.check()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep it told which version is served, for the length of the block; then end what is under way."""
        self._polls.start(self.router.follow())
        try:
            yield
        finally:
            await self._polls.close()
            await self._calls.close()
            await self._client.aclose()
