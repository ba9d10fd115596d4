"""What tenants chose, kept in process: each answer from memory, fresh within seconds."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.change_settings import SettingsStore
from orchestration_svc.domain.errors import ServiceError
from orchestration_svc.domain.tenant_settings import STALE, UNREAD, CurrentChoices

CHANNEL = "orchestration:settings"
"""Valkey channel on which the id of a tenant whose settings changed is told."""
KEPT_S = 30.0
"""How long settings are used without asking again, in seconds; so long a change takes when Valkey is away."""
_WAIT_S = 0.1
"""Longest that a request waits for settings, in seconds."""
_RETRY_S = 2.0
_TENANTS_MAX = 10_000
_log = structlog.get_logger("orchestration_svc")


class UnreadSettings(Protocol):
    """Counts requests that went on without a tenant's current settings."""

    def settings_unread(self, held: str) -> None:
        """``held`` is what held instead: ``last_known`` or ``defaults``."""
        ...


@dataclass(slots=True)
class _Kept:
    """What is known of one tenant; `known` is None until it was read once."""

    known: CurrentChoices | None = None
    good_until: float = 0.0
    retry_at: float = 0.0
    generation: int = 0
    reading: asyncio.Task[None] | None = None


class CachedTenantSettings:
    """Implements the port `TenantSettings`, and tells other processes of changes.

    Args:
        store: where the settings are.
        valkey: carries the news of changes; without it they are seen after `KEPT_S`.
        metrics: counts what could not be read.
        background: holds readings that take longer than their request.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        store: SettingsStore,
        valkey: Redis,
        metrics: UnreadSettings,
        background: BackgroundWork,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._valkey = valkey
        self._metrics = metrics
        self._background = background
        self._clock = clock
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()

    async def of(self, tenant_id: UUID) -> CurrentChoices:
        """Return what holds for the tenant; never fails and waits a tenth of a second at most."""
        kept = self._slot(tenant_id)
        now = self._clock()
        if kept.known is not None and now < kept.good_until:
            return kept.known
        if now >= kept.retry_at:
            await self._read(tenant_id, kept)
            if kept.known is not None and self._clock() < kept.good_until:
                return kept.known
        self._metrics.settings_unread("defaults" if kept.known is None else "last_known")
        if kept.known is None:
            return CurrentChoices(note=UNREAD)
        return replace(kept.known, note=STALE)

    async def changed(self, tenant_id: UUID) -> None:
        """Forget what is known of the tenant here, and tell the other processes."""
        self._expire(tenant_id)
        try:
            await self._valkey.publish(CHANNEL, str(tenant_id))
        except (RedisError, OSError) as error:
            _log.warning("settings_news_not_sent", error_type=type(error).__name__)

    async def follow(self) -> None:
        """Hear of changes until cancelled. While Valkey is away, `KEPT_S` bounds how old settings get."""
        me = asyncio.current_task()
        # The client can swallow a cancellation while it connects; the count of them still tells.
        while me is not None and not me.cancelling():
            try:
                await self._listen(me)
            except (RedisError, OSError) as error:
                _log.warning("settings_news_not_heard", error_type=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def _listen(self, me: asyncio.Task[object]) -> None:
        async with self._valkey.pubsub() as news:
            await news.subscribe(CHANNEL)
            # What was said while nobody listened is not known: everything is read again.
            for tenant_id in tuple(self._kept):
                self._expire(tenant_id)
            while not me.cancelling():
                message = await news.get_message(ignore_subscribe_messages=True, timeout=1.0)
                if message is not None:
                    self._hear(str(message["data"]))

    def _hear(self, said: str) -> None:
        try:
            self._expire(UUID(said))
        except ValueError:
            _log.warning("settings_news_not_understood")

    def _expire(self, tenant_id: UUID) -> None:
        kept = self._kept.get(tenant_id)
        if kept is not None:
            kept.good_until = kept.retry_at = 0.0
            kept.generation += 1  # a reading under way may have read what held before
            kept.reading = None

    def _slot(self, tenant_id: UUID) -> _Kept:
        kept = self._kept.get(tenant_id)
        if kept is None:
            kept = self._kept[tenant_id] = _Kept()
            if len(self._kept) > _TENANTS_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(tenant_id)
        return kept

    async def _read(self, tenant_id: UUID, kept: _Kept) -> None:
        """Wait a little for a reading, one for all that ask; it goes on when nobody waits any longer."""
        if kept.reading is None:
            kept.reading = self._background.start(self._refresh(tenant_id, kept, kept.generation))
        if kept.reading is not None:
            await asyncio.wait({kept.reading}, timeout=_WAIT_S)

    async def _refresh(self, tenant_id: UUID, kept: _Kept, generation: int) -> None:
        try:
            found = await self._store.latest(tenant_id)
        except ServiceError as error:
            _log.warning("settings_not_read", error_type=type(error.__cause__).__name__)
            if kept.generation == generation:
                kept.retry_at = self._clock() + _RETRY_S
        else:
            if kept.generation == generation:
                kept.known = CurrentChoices(found.chosen.effective(), found.version)
                kept.good_until = self._clock() + KEPT_S
        finally:
            if kept.generation == generation:
                kept.reading = None
