"""How much a tenant and each of its keys may ask for, and what is answered when it is too much."""

from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Protocol
from uuid import UUID

DAY_S = 86_400
MINUTE_S = 60


@dataclass(frozen=True, slots=True)
class Limits:
    """What may be asked for; None is no limit.

    Attributes:
        requests_per_minute: of the tenant; as many may come at once after a quiet minute.
        key_requests_per_minute: the same of each of its keys.
        concurrent_requests: of the tenant, under way at the same time.
        content_bytes_per_day: of request bodies of the tenant, by the UTC day.
        jobs_queued: jobs of the tenant that wait or run.
    """

    requests_per_minute: int | None = None
    key_requests_per_minute: int | None = None
    concurrent_requests: int | None = None
    content_bytes_per_day: int | None = None
    jobs_queued: int | None = None

    def lowered(self, by: "Limits") -> "Limits":
        """Return the stricter of both, field by field."""
        return Limits(
            **{
                name: min(
                    (one for one in (getattr(self, name), getattr(by, name)) if one is not None), default=None
                )
                for name in LIMIT_NAMES
            }
        )

    def raised_by(self, other: "Limits") -> str | None:
        """Return the first field in which ``other`` asks for more than this allows, or None."""
        for name in LIMIT_NAMES:
            allowed, asked = getattr(self, name), getattr(other, name)
            if allowed is not None and asked is not None and asked > allowed:
                return name
        return None


LIMIT_NAMES = tuple(field.name for field in fields(Limits))


class Exceeded(StrEnum):
    """What there was too much of."""

    REQUESTS = "requests_per_minute"
    KEY_REQUESTS = "key_requests_per_minute"
    CONCURRENT = "concurrent_requests"
    CONTENT = "content_bytes_per_day"


@dataclass(frozen=True, slots=True)
class Admission:
    """What was decided about one request.

    Attributes:
        exceeded: what there was too much of; None when the request may go on.
        limit: requests per minute of whichever of tenant and key has fewer left; None when nobody counted.
        remaining: how many of them are left.
        reset_s: whole seconds until all of them are there again.
        retry_after_s: whole seconds after which the same request may pass; 0 when it may go on.
        ticket: names the request among those under way; None when it is not counted among them.
        counts_content: whether bytes that were not announced are still to be charged.
    """

    exceeded: Exceeded | None = None
    limit: int | None = None
    remaining: int = 0
    reset_s: int = 0
    retry_after_s: int = 0
    ticket: str | None = None
    counts_content: bool = False


UNCOUNTED = Admission()
"""A request that nobody counted, as there is no limit or nobody to ask."""


class RequestLimiter(Protocol):
    """Counts requests over all processes."""

    async def admit(self, tenant_id: UUID, key_id: str, limits: Limits, *, content_bytes: int) -> Admission:
        """Take one request and its bytes out of every allowance, or out of none.

        It never fails: when nobody can count, the request goes on, uncounted.
        """
        ...

    async def leave(self, tenant_id: UUID, ticket: str) -> None:
        """Tell that an admitted request is no longer under way, soon known everywhere; never fails."""
        ...

    async def charge(self, tenant_id: UUID, content_bytes: int) -> None:
        """Take bytes that came without having been announced; never fails."""
        ...


class TenantLimits(Protocol):
    """Knows what each tenant may ask for."""

    async def of(self, tenant_id: UUID) -> Limits:
        """Return what the platform allows, lowered by what the tenant set; never fails."""
        ...
