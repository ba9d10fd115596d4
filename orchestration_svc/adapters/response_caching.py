"""Puts the response cache together from the settings."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Protocol

from redis.asyncio import Redis

from orchestration_svc.adapters.clock import SystemClock
from orchestration_svc.adapters.fault_log import FaultLog
from orchestration_svc.adapters.kept_bytes import ByteAllowance
from orchestration_svc.adapters.keyed_hash import KeyedSha256
from orchestration_svc.adapters.mapper_versions import KeptMappingVersions, MappingVersionSource
from orchestration_svc.adapters.seen_store import KeptEvents, ValkeySeenStore
from orchestration_svc.adapters.valkey import make_valkey
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.response_cache import CacheEvents, ResponseCache
from orchestration_svc.domain.tenant_settings import TenantSettings
from orchestration_svc.settings import Settings

_MIB = 1024 * 1024


class ResponseCacheEvents(CacheEvents, KeptEvents, Protocol):
    """Hears everything about the cache, for metrics."""


class ResponseCaching:
    """What finds answers again, and what runs beside it.

    Args:
        settings: all of them.
        tenants: knows what tenants chose.
        mapper: says what it maps with.
        events: counts.
        release: version of this service.

    Attributes:
        cache: finds answers again; None where the settings switch it off.
    """

    def __init__(
        self,
        settings: Settings,
        tenants: TenantSettings,
        mapper: MappingVersionSource,
        events: ResponseCacheEvents,
        *,
        release: str,
    ) -> None:
        # Apart, so that a silent Valkey leaves room for questions to the mapper.
        self._questions, self._writes = BackgroundWork(), BackgroundWork()
        self.cache: ResponseCache | None = None
        self._valkey: Redis | None = None
        if not settings.response_cache_s:
            return
        # Not the one that limits and revocations use: they would wait for entries of 64 KiB to pass.
        self._valkey = make_valkey(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
        hashes = KeyedSha256(settings.key_encryption_key, purpose="response cache")
        kept_s = settings.response_cache_s
        self.cache = ResponseCache(
            store=ValkeySeenStore(
                self._valkey,
                hashes,
                self._writes,
                ByteAllowance(settings.response_cache_mb * _MIB, kept_s),
                events,
                kept_s=kept_s,
            ),
            keyed_hash=hashes,
            settings=tenants,
            mapping_versions=KeptMappingVersions(mapper, self._questions, FaultLog()),
            events=events,
            clock=SystemClock(),
            kept=timedelta(seconds=kept_s),
            release=release,
        )

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """End what is under way when the block ends."""
        try:
            yield
        finally:
            await self._questions.close()
            await self._writes.close()
            if self._valkey is not None:
                await self._valkey.aclose()
