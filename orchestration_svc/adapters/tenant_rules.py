"""What holds for each tenant: its settings and its limits, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

from redis.asyncio import Redis

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.metrics import Metrics
from orchestration_svc.adapters.rate_limits import ValkeyLimiter
from orchestration_svc.adapters.settings_repository import SettingsRepository
from orchestration_svc.adapters.tenant_limits import LoweredLimits, PlatformLimits
from orchestration_svc.adapters.tenant_settings_cache import CachedTenantSettings
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.change_settings import ChangeSettings
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.limits import LIMIT_NAMES
from orchestration_svc.domain.policy_program import PolicySource
from orchestration_svc.settings import Settings, SettingsError


class TenantRules:
    """Settings and limits of every tenant.

    Args:
        settings: the service's own.
        database: keeps the settings.
        valkey: counts requests and carries the news of changes.
        metrics: hears what was refused, uncounted or unread.
        policies: knows which policies there are.

    Attributes:
        settings: what each tenant chose.
        change: the use cases of the settings resource.
        limiter: counts requests.
        limits: what each tenant may ask for.

    Raises:
        SettingsError: the limits of single tenants are written wrongly.
    """

    def __init__(
        self, settings: Settings, database: Database, valkey: Redis, metrics: Metrics, policies: PolicySource
    ) -> None:
        everybody = {name: getattr(settings, f"limit_{name}") for name in LIMIT_NAMES}
        try:
            platform = PlatformLimits(everybody, settings.tenant_limits)
        except ValueError as error:
            raise SettingsError(f"ORCHESTRATION_TENANT_LIMITS is wrong: {error}") from None
        self._policies = policies
        self._work = BackgroundWork()
        store = SettingsRepository(database)
        self.settings = CachedTenantSettings(store, valkey, metrics, self._work)
        self.change = ChangeSettings(
            store, self.settings, allowed=platform.allowed, knows_policy=self._knows_policy
        )
        self.limiter = ValkeyLimiter(valkey, metrics)
        self.limits = LoweredLimits(platform, self.settings)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Hear of changes while entered."""
        self._work.start(self.settings.follow())
        try:
            yield
        finally:
            await self._work.close()
            await self.limiter.close()

    async def _knows_policy(self, tenant_id: UUID, name: str) -> bool:
        try:
            await self._policies.find(tenant_id, name)
        except ServiceError as error:
            if error.code is ErrorCode.POLICY_NOT_FOUND:
                return False
            raise
        return True
