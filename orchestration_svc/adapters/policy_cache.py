"""Which policies are in force for whom: known in process, fresh within a second."""

import asyncio
import contextlib
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from orchestration_svc.domain.errors import ErrorCode, ServiceError, StorageUnavailableError
from orchestration_svc.domain.policy_bundle import PolicyEngine
from orchestration_svc.domain.policy_changes import PolicyStore, StoredPolicy
from orchestration_svc.domain.policy_program import JsonObject, PolicyFault, PolicyProgram

CHANNEL = "orchestration:policies"
"""Valkey channel on which the id of a tenant whose policies changed is told."""
KEPT_S = 1.0
"""How long it is believed without asking again which versions are in force, in seconds."""
DEFAULT = "default"
_WAIT_S = 0.1
_FIRST_WAIT_S = 2.0
_RETRY_S = 1.0
_TENANTS_MAX = 10_000
_log = structlog.get_logger("orchestration_svc")


class TenantPolicy:
    """One version of a tenant's own policy, evaluated by an engine that keeps it apart."""

    shipped = False
    description = "a policy of the tenant's own"

    def __init__(self, stored: StoredPolicy, engine: PolicyEngine) -> None:
        self.name = stored.bundle.name
        self.version = str(stored.version)
        self._bundle = stored.bundle
        self._engine = engine
        self._reads: frozenset[str] | None = None
        self._is_inspected = False

    @property
    def reads(self) -> frozenset[str] | None:
        """Fields of ``input`` that it can read; not known before its first evaluation."""
        return self._reads

    async def plan(self, question: JsonObject) -> object:
        """Return the value of ``plan``."""
        answer = await self._engine.evaluate(self._bundle, "plan", question)
        if not self._is_inspected:
            self._is_inspected = True
            with contextlib.suppress(PolicyFault):  # else it goes on being asked everything, every time
                self._reads = (await self._engine.inspect(self._bundle)).reads
        return answer

    async def decide(self, question: JsonObject) -> object:
        """Return the value of ``decision``."""
        return await self._engine.evaluate(self._bundle, "decision", question)


@dataclass(slots=True)
class _Kept:
    """What is known of one tenant; `programs` is None until it was read once."""

    programs: dict[str, TenantPolicy] | None = None
    good_until: float = 0.0
    generation: int = 0
    reading: asyncio.Task[None] | None = field(default=None)


class TenantPolicies:
    """Finds a tenant's own policies first, then those of the operator and the service.

    Args:
        store: where the tenants' policies are.
        engine: evaluates them.
        shared: policies that every tenant has, by name.
        valkey: carries the news of changes; without it they are seen after `KEPT_S`.
    """

    def __init__(
        self,
        store: PolicyStore,
        engine: PolicyEngine,
        shared: Mapping[str, PolicyProgram],
        valkey: Redis,
    ) -> None:
        self._store = store
        self._engine = engine
        self._shared = shared
        self._valkey = valkey
        self._kept: OrderedDict[UUID, _Kept] = OrderedDict()
        self._readings: set[asyncio.Task[None]] = set()

    async def find(self, tenant_id: UUID, name: str | None) -> PolicyProgram:
        """Return the policy in force under this name, the default for None.

        What was last known holds while the database is away. A tenant of whom nothing is known gets no
        answer then: its own policy may be stricter than the shipped one.

        Raises:
            ServiceError: POLICY_NOT_FOUND, or SERVICE_UNAVAILABLE.
        """
        wanted = DEFAULT if name is None else name
        own = await self._own(tenant_id)
        program = own.get(wanted) or self._shared.get(wanted)
        if program is None:
            raise ServiceError(ErrorCode.POLICY_NOT_FOUND, "there is no policy of this name", field="policy")
        return program

    async def changed(self, tenant_id: UUID) -> None:
        """Forget what is known of the tenant here, and tell the other processes."""
        self._expire(tenant_id)
        try:
            await self._valkey.publish(CHANNEL, str(tenant_id))
        except (RedisError, OSError) as error:
            _log.warning("policy_news_not_sent", error_type=type(error).__name__)

    async def follow(self) -> None:
        """Hear of changes until cancelled; without Valkey each process asks again after `KEPT_S`."""
        me = asyncio.current_task()
        # The client can swallow a cancellation while it connects; the count of them still tells.
        while me is not None and not me.cancelling():
            try:
                async with self._valkey.pubsub() as news:
                    await news.subscribe(CHANNEL)
                    for tenant_id in tuple(self._kept):
                        self._expire(tenant_id)  # what was said while nobody listened is not known
                    while not me.cancelling():
                        message = await news.get_message(ignore_subscribe_messages=True, timeout=1.0)
                        if message is not None:
                            self._hear(str(message["data"]))
            except (RedisError, OSError) as error:
                _log.warning("policy_news_not_heard", error_type=type(error).__name__)
                await asyncio.sleep(_RETRY_S)

    async def close(self) -> None:
        """Give up readings that are under way."""
        for reading in self._readings:
            reading.cancel()
        await asyncio.gather(*self._readings, return_exceptions=True)

    async def _own(self, tenant_id: UUID) -> Mapping[str, TenantPolicy]:
        kept = self._slot(tenant_id)
        if kept.programs is None or time.monotonic() >= kept.good_until:
            if kept.reading is None:
                kept.reading = asyncio.create_task(self._refresh(tenant_id, kept, kept.generation))
            limit = _FIRST_WAIT_S if kept.programs is None else _WAIT_S
            reading = kept.reading
            self._readings.add(reading)
            reading.add_done_callback(self._readings.discard)
            await asyncio.wait({reading}, timeout=limit)
        if kept.programs is None:
            raise StorageUnavailableError
        return kept.programs

    async def _refresh(self, tenant_id: UUID, kept: _Kept, generation: int) -> None:
        try:
            programs = await self._read(tenant_id, kept.programs or {})
        except ServiceError as error:
            _log.warning("policies_not_read", error_type=type(error.__cause__).__name__)
            if kept.generation == generation and kept.programs is not None:
                kept.good_until = time.monotonic() + _RETRY_S
        else:
            # A change that came meanwhile may not be in it: then another reading holds.
            if kept.generation == generation:
                kept.programs = programs
                kept.good_until = time.monotonic() + KEPT_S
        finally:
            if kept.generation == generation:
                kept.reading = None

    async def _read(self, tenant_id: UUID, known: Mapping[str, TenantPolicy]) -> dict[str, TenantPolicy]:
        programs: dict[str, TenantPolicy] = {}
        for name, version in (await self._store.active(tenant_id)).items():
            before = known.get(name)
            if before is not None and before.version == str(version):
                programs[name] = before
            elif stored := await self._store.get(tenant_id, name, version):
                programs[name] = TenantPolicy(stored, self._engine)
        return programs

    def _hear(self, said: str) -> None:
        try:
            self._expire(UUID(said))
        except ValueError:
            _log.warning("policy_news_not_understood")

    def _expire(self, tenant_id: UUID) -> None:
        kept = self._kept.get(tenant_id)
        if kept is not None:
            kept.good_until = 0.0
            kept.generation += 1
            kept.reading = None  # what it reads may be what held before

    def _slot(self, tenant_id: UUID) -> _Kept:
        kept = self._kept.setdefault(tenant_id, _Kept())
        self._kept.move_to_end(tenant_id)
        if len(self._kept) > _TENANTS_MAX:
            self._kept.popitem(last=False)
        return kept
