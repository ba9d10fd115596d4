"""What the platform allows each tenant, from the service's settings."""

from uuid import UUID

import msgspec

from orchestration_svc.domain.limits import LIMIT_NAMES, Limits
from orchestration_svc.domain.tenant_settings import TenantSettings


class _LimitsOnWire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    requests_per_minute: int | None = None
    key_requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    content_bytes_per_day: int | None = None
    jobs_queued: int | None = None


class PlatformLimits:
    """The platform's limits, and those that it gave to single tenants instead.

    Args:
        everybody: limits by name; 0 is no limit.
        tenants: JSON of tenant ids, each with the limits that differ for it; 0 is no limit there, too.

    Raises:
        ValueError: the JSON is wrong; says where.
    """

    def __init__(self, everybody: dict[str, int], tenants: str) -> None:
        self._everybody = _limits(everybody)
        try:
            given = msgspec.json.decode(tenants, type=dict[UUID, _LimitsOnWire])
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from None
        self._tenants: dict[UUID, Limits] = {}
        for tenant_id, own in given.items():
            set_here = {name: limit for name in LIMIT_NAMES if (limit := getattr(own, name)) is not None}
            if any(limit < 0 for limit in set_here.values()):
                raise ValueError("a limit is 0 or more")
            self._tenants[tenant_id] = _limits({**everybody, **set_here})

    def allowed(self, tenant_id: UUID) -> Limits:
        """Return what the platform allows the tenant."""
        return self._tenants.get(tenant_id, self._everybody)


class LoweredLimits:
    """Implements the port `TenantLimits`: the platform's limits, lowered by the tenant's own."""

    def __init__(self, platform: PlatformLimits, settings: TenantSettings) -> None:
        self._platform = platform
        self._settings = settings

    async def of(self, tenant_id: UUID) -> Limits:
        """Return what holds for the tenant; never fails."""
        chosen = (await self._settings.of(tenant_id)).choices
        return self._platform.allowed(tenant_id).lowered(chosen.limits)


def _limits(counts: dict[str, int]) -> Limits:
    return Limits(**{name: count or None for name, count in counts.items()})
