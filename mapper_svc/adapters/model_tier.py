"""Puts the model tier together from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from redis.asyncio import Redis

from mapper_svc.adapters.distribution_cache import CachedDistributions, key_from
from mapper_svc.adapters.metrics import Metrics
from mapper_svc.domain.ask_model import AskModel, ModelEvents
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.ports import ModelRouter
from mapper_svc.domain.taxonomy import Taxonomy
from mapper_svc.settings import Settings


class ModelTier:
    """What asks the tenant's model, and remembers what it said.

    Args:
        settings: all of them.
        taxonomy: the edition in use.
        router: says which version serves a tenant.
        valkey: shared by all processes.
        metrics: hears of hits and misses.
        events: hears of labels that no model was heard on.
    """

    def __init__(
        self,
        settings: Settings,
        taxonomy: Taxonomy,
        *,
        router: ModelRouter,
        valkey: Redis,
        metrics: Metrics,
        events: ModelEvents,
    ) -> None:
        self._calls = BackgroundWork(settings.model_calls_at_once)
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
            router,
            cache,
            events,
            self._calls,
            calls_per_tenant=max(1, settings.model_calls_at_once // 2),
            budget_s=settings.model_budget_ms / 1000,
            labels_per_call=settings.model_labels_per_call,
            labels=labels,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End what is under way when the block ends."""
        try:
            yield
        finally:
            await self._calls.close()
