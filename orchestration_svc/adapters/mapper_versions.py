"""What the mapper maps each tenant's findings with, known in process and seconds old at most."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.downstream import DownstreamError
from orchestration_svc.domain.job_items import Faults

KEPT_S = 3.0
"""How long what the mapper said is believed, in seconds since it was asked."""
_ASK_AGAIN_S = 1.5
_RETRY_S = 5.0
_WAIT_S = 0.05
"""Longest that a request waits for the mapper's word, in seconds."""
_LIMIT_S = 0.5
_TENANTS_MAX = 10_000


class MappingVersionSource(Protocol):
    """mapper_svc, as far as it is asked here."""

    async def mapping_version(self, *, tenant_id: UUID, timeout_s: float) -> str | None:
        """Ask what the tenant's answers depend on now; raises DownstreamError."""
        ...


@dataclass(slots=True)
class _Kept:
    """What is known of one tenant."""

    version: str | None = None
    good_until: float = float("-inf")
    ask_at: float = float("-inf")
    reading: asyncio.Task[None] | None = None


class KeptMappingVersions:
    """Implements the port `MappingVersions`.

    The mapper is asked when a request comes and what is known is older than half of `KEPT_S`, once for all
    requests of the tenant. An answer is as old as its question: what changes after that is not in it.

    Args:
        mapper: is asked.
        background: holds questions that take longer than their request.
        faults: hears of faults of our own.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        mapper: MappingVersionSource,
        background: BackgroundWork,
        faults: Faults,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._mapper = mapper
        self._background = background
        self._faults = faults
        self._clock = clock
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()

    async def of(self, tenant_id: UUID) -> str | None:
        """Return what holds for the tenant, None when it is unknown; never fails, waits 50 ms at most."""
        kept = self._slot(tenant_id)
        now = self._clock()
        if now >= kept.ask_at and kept.reading is None:
            kept.reading = self._background.start(self._ask(tenant_id, kept))
        if now < kept.good_until:
            return kept.version
        if kept.reading is not None:
            await asyncio.wait({kept.reading}, timeout=_WAIT_S)
        return kept.version if self._clock() < kept.good_until else None

    def _slot(self, tenant_id: UUID) -> _Kept:
        kept = self._kept.get(tenant_id)
        if kept is None:
            kept = self._kept[tenant_id] = _Kept()
            if len(self._kept) > _TENANTS_MAX:
                self._kept.popitem(last=False)
        self._kept.move_to_end(tenant_id)
        return kept

    async def _ask(self, tenant_id: UUID, kept: _Kept) -> None:
        asked = self._clock()
        try:
            kept.version = await self._mapper.mapping_version(tenant_id=tenant_id, timeout_s=_LIMIT_S)
        except DownstreamError:
            kept.ask_at = self._clock() + _RETRY_S
        # Nobody may wait for this task any longer, and what is not caught here is logged in its own words.
        except Exception as error:  # noqa: BLE001
            kept.ask_at = self._clock() + _RETRY_S
            self._faults.unexpected(error)
        else:
            kept.good_until = asked + KEPT_S
            kept.ask_at = asked + _ASK_AGAIN_S
        finally:
            kept.reading = None
