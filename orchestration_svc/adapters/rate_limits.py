"""Limits counted in Valkey or Redis by one script, so that any number of processes count as one."""

import asyncio
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol
from uuid import UUID, uuid4

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from orchestration_svc.adapters.revocations import REVOKED_SET, SENTINEL
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.limits import DAY_S, UNCOUNTED, Admission, Exceeded, Limits

PREFIX = "orchestration:limits"
LEASE_MS = 60_000
"""How long a request counts as under way when nobody says that it ended, in milliseconds."""
GIVEN_BACK_S = 0.01
"""How long a ticket waits for a request of its tenant that takes it along, in seconds."""
_TAKEN_ALONG = 128
_TICKETS_KEPT = 1024
"""Tickets of one tenant that are kept to be given back, at most; others run out by themselves."""
_SKIP_S = 1.0
_APART_S = 60.0
"""How long the two questions are asked apart after one together was refused, in seconds."""
_SCRIPT = Path(__file__).with_suffix(".lua").read_text("utf-8")
_EXCEEDED = (None, Exceeded.REQUESTS, Exceeded.KEY_REQUESTS, Exceeded.CONTENT, Exceeded.CONCURRENT)
_AWAY = (RedisError, OSError, TimeoutError)
_log = structlog.get_logger("orchestration_svc")


class LimitMetrics(Protocol):
    """Counts what the limits did."""

    def limit_exceeded(self, limit: str) -> None:
        """A request was refused."""
        ...

    def limits_unavailable(self) -> None:
        """A request went on uncounted, as nobody could count it."""
        ...


class ValkeyLimiter:
    """Implements the port `RequestLimiter`.

    A ticket that is given back goes along with the tenant's next request, so that it costs no question of its
    own; where none comes, by itself after `GIVEN_BACK_S`.

    While Valkey is away requests go on uncounted, and for a second after each failure it is not asked, so
    that a silent one does not hold every request up.

    Args:
        valkey: counts.
        metrics: hears of refusals and of requests that went uncounted.
        clock: seconds that never go back.
    """

    def __init__(
        self, valkey: Redis, metrics: LimitMetrics, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._valkey = valkey
        self._metrics = metrics
        self._clock = clock
        self._script = valkey.register_script(_SCRIPT)
        self._skip_until = float("-inf")
        self._together_from = float("-inf")
        self._back: dict[UUID, list[str]] = {}
        self._giving_back: asyncio.TimerHandle | None = None
        self._work = BackgroundWork()

    async def admit(self, tenant_id: UUID, key_id: str, limits: Limits, *, content_bytes: int) -> Admission:
        """Take one request out of every allowance, or out of none; never fails."""
        if not _counts(limits):
            return UNCOUNTED
        if self._clock() < self._skip_until:
            self._metrics.limits_unavailable()
            return UNCOUNTED
        ticket, back = uuid4().hex, self._taken_along(tenant_id)
        arguments = [*_written(limits, content_bytes, ticket), "", "", *back]
        try:
            answer = await self._script(keys=_keys(tenant_id, key_id), args=arguments)
        except _AWAY as error:
            self._failed(error)
            # It may have been counted all the same, only that we did not hear of it.
            self._keep(tenant_id, [*back, ticket])
            self._metrics.limits_unavailable()
            return UNCOUNTED
        return self._read(answer, limits, ticket)

    async def admit_unrevoked(
        self, tenant_id: UUID, token_id: str, limits: Limits, *, content_bytes: int
    ) -> Admission | None:
        """Do what `admit` does if the token is known not to be revoked, in one question; never fails.

        None, and nothing counted, where it was revoked, where that is not known, where there is nothing to
        count and where nobody can: both must then be asked apart.
        """
        if not token_id or not _counts(limits) or self._clock() < max(self._skip_until, self._together_from):
            return None
        ticket, back = uuid4().hex, self._taken_along(tenant_id)
        arguments = [*_written(limits, content_bytes, ticket), token_id, SENTINEL, *back]
        try:
            answer = await self._script(keys=[*_keys(tenant_id, token_id), REVOKED_SET], args=arguments)
        except ResponseError as error:
            # A cluster has the two in different places, and an access list may keep them apart; or the server
            # is short of memory or changes its leader, which passes.
            self._together_from = self._clock() + _APART_S
            self._keep(tenant_id, [*back, ticket])
            _log.warning("limits_and_revocations_asked_apart", error_type=type(error).__name__)
            return None
        except _AWAY as error:
            self._failed(error)
            self._keep(tenant_id, [*back, ticket])
            return None
        return None if int(answer[0]) < 0 else self._read(answer, limits, ticket)

    async def leave(self, tenant_id: UUID, ticket: str) -> None:
        """Give a ticket back, soon; one that cannot be given back runs out by itself."""
        self._keep(tenant_id, [ticket])

    async def close(self) -> None:
        """Give back what is still to be, if it can be."""
        await self._give_back()
        if self._giving_back is not None:
            self._giving_back.cancel()
        await self._work.close()

    async def charge(self, tenant_id: UUID, content_bytes: int) -> None:
        """Take bytes that came without having been announced; while Valkey is away they go uncounted."""
        key = _keys(tenant_id, "")[2]
        try:
            async with self._valkey.pipeline(transaction=True) as pipe:
                pipe.hincrby(key, "bytes", content_bytes)
                pipe.expire(key, 2 * DAY_S)
                await pipe.execute()
        except _AWAY as error:
            self._failed(error)

    def _read(self, answer: Sequence[str | int], limits: Limits, ticket: str) -> Admission:
        exceeded, limit, remaining, reset_ms, wait_ms = (int(one) for one in answer)
        if exceeded:
            self._metrics.limit_exceeded(str(_EXCEEDED[exceeded]))
        return Admission(
            exceeded=_EXCEEDED[exceeded],
            limit=limit or None,
            remaining=remaining,
            reset_s=_seconds(reset_ms),
            retry_after_s=_seconds(wait_ms),
            ticket=ticket if not exceeded and limits.concurrent_requests is not None else None,
            counts_content=limits.content_bytes_per_day is not None,
        )

    def _keep(self, tenant_id: UUID, tickets: Sequence[str]) -> None:
        kept = self._back.setdefault(tenant_id, [])
        kept.extend(tickets[: _TICKETS_KEPT - len(kept)])
        if self._giving_back is None:
            wait_s = max(GIVEN_BACK_S, self._skip_until - self._clock())
            self._giving_back = asyncio.get_running_loop().call_later(wait_s, self._nobody_came)

    def _taken_along(self, tenant_id: UUID) -> list[str]:
        back = self._back.pop(tenant_id, [])
        if len(back) > _TAKEN_ALONG:
            self._back[tenant_id] = back[_TAKEN_ALONG:]
        return back[:_TAKEN_ALONG]

    def _nobody_came(self) -> None:
        self._giving_back = None
        if self._back:
            self._work.start(self._give_back())

    async def _give_back(self) -> None:
        left, self._back = self._back, {}
        while left:
            tenant_id, tickets = left.popitem()
            try:
                await self._valkey.zrem(_keys(tenant_id, "")[3], *tickets)
            except _AWAY as error:
                self._failed(error)
                # The others would wait as long each: all of them later.
                for other, theirs in (left | {tenant_id: tickets}).items():
                    self._keep(other, theirs)
                return

    def _failed(self, error: Exception) -> None:
        self._skip_until = self._clock() + _SKIP_S
        _log.warning("limits_not_counted", error_type=type(error).__name__)


def _counts(limits: Limits) -> bool:
    return any(limit is not None for limit in _counted(limits))


def _counted(limits: Limits) -> tuple[int | None, ...]:
    return (
        limits.requests_per_minute,
        limits.key_requests_per_minute,
        limits.content_bytes_per_day,
        limits.concurrent_requests,
    )


def _written(limits: Limits, content_bytes: int, ticket: str) -> list[str | int]:
    return [*(limit or 0 for limit in _counted(limits)), content_bytes, ticket, LEASE_MS]


def _keys(tenant_id: UUID, key_id: str) -> list[str]:
    # In braces what a cluster places keys by: all of one tenant lie together, as one script needs it.
    mine = f"{PREFIX}:{{{tenant_id}}}"
    return [f"{mine}:requests", f"{mine}:requests:{key_id}", f"{mine}:bytes", f"{mine}:live"]


def _seconds(milliseconds: int) -> int:
    return -(-milliseconds // 1000)
