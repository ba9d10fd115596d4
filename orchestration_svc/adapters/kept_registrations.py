"""Registered detectors, kept in process with what runs them: fresh within seconds, never waited for long."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from orchestration_svc.adapters.contained_detector import ContainedDetector
from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.detector_registration import Connection, Registration, VersionState
from orchestration_svc.domain.detector_registry import RegistrationStore
from orchestration_svc.domain.errors import ServiceError

KEPT_S = 10.0
"""Seconds until registrations are read again; so long a change takes when Valkey is away."""
_WAIT_S = 0.2
"""Longest that a request waits for registrations, in seconds."""
_RETRY_S = 2.0
_IDLE_S = 900.0
"""After so many seconds without a request, a tenant's detectors are let go, and are probed no more."""
_OWNERS_MAX = 2_000
_log = structlog.get_logger("orchestration_svc")

Connect = Callable[[Registration], ContainedDetector]


@dataclass(frozen=True, slots=True)
class RunningVersion:
    """A registration and, unless it only switches an installed detector, what runs it."""

    registration: Registration
    detector: ContainedDetector | None


@dataclass(slots=True)
class Kept:
    """What is known of one owner; `versions` is None until they were read once."""

    versions: tuple[RunningVersion, ...] | None = None
    good_until: float = 0.0
    retry_at: float = 0.0
    used_at: float = 0.0
    generation: int = 0
    reading: asyncio.Task[None] | None = None
    running: dict[tuple[str, str], tuple[Connection, ContainedDetector]] = field(default_factory=dict)


class KeptRegistrations:
    """Reads registrations of owners that requests come for, and keeps a running detector for each version.

    A version whose connection did not change keeps its detector, and with it breaker and health, whatever
    else changed.

    Args:
        store: where they are.
        connect: makes what runs one.
        background: holds readings that take longer than their request.
        clock: seconds that never go back.
    """

    def __init__(
        self,
        store: RegistrationStore,
        connect: Connect,
        background: BackgroundWork,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._connect = connect
        self._background = background
        self._clock = clock
        self._kept: OrderedDict[UUID, Kept] = OrderedDict()

    async def of(self, owner: UUID) -> tuple[RunningVersion, ...] | None:
        """Return what the owner has; None when that could not be read yet. Never fails.

        Waits a fifth of a second at most, and not at all while something not too old is known.
        """
        kept = self._slot(owner)
        now = self._clock()
        kept.used_at = now
        if now >= kept.good_until and now >= kept.retry_at:
            if kept.reading is None:
                kept.reading = self._background.start(self._refresh(owner, kept, kept.generation))
            # What was told to have changed is waited for; what is merely some seconds old is not.
            if kept.reading is not None and (kept.versions is None or kept.good_until == 0.0):
                await asyncio.wait({kept.reading}, timeout=_WAIT_S)
        return kept.versions

    def states(self, owner: UUID) -> Sequence[VersionState]:
        """Return how the owner's versions are, without reading."""
        kept = self._kept.get(owner)
        return [
            VersionState(one.registration, None if one.detector is None else one.detector.health())
            for one in (kept.versions if kept else None) or ()
        ]

    def running(self) -> Sequence[ContainedDetector]:
        """Return every detector that runs, of all owners; lets go of those that nobody used for long."""
        idle = self._clock() - _IDLE_S
        for owner in [one for one, kept in self._kept.items() if kept.used_at < idle]:
            if owner != OPERATOR_TENANT_ID:
                self._kept.pop(owner)
        return [
            one.detector
            for kept in self._kept.values()
            for one in kept.versions or ()
            if one.detector is not None and one.registration.enabled
        ]

    def expire(self, owner: UUID | None) -> None:
        """Have an owner's registrations read again before they are next used; everybody's for None."""
        for one in [owner] if owner is not None else list(self._kept):
            kept = self._kept.get(one)
            if kept is not None:
                kept.good_until = kept.retry_at = 0.0
                kept.generation += 1  # a reading under way may have read what held before
                kept.reading = None

    def _slot(self, owner: UUID) -> Kept:
        kept = self._kept.get(owner)
        if kept is None:
            kept = self._kept[owner] = Kept()
            if len(self._kept) > _OWNERS_MAX:
                self._kept.pop(next(one for one in self._kept if one != OPERATOR_TENANT_ID))
        self._kept.move_to_end(owner)
        return kept

    async def _refresh(self, owner: UUID, kept: Kept, generation: int) -> None:
        try:
            found = await self._store.load(owner)
        except ServiceError as error:
            _log.warning("detectors_not_read", error_type=type(error.__cause__).__name__)
            if kept.generation == generation:
                kept.retry_at = self._clock() + _RETRY_S
        else:
            if kept.generation == generation:
                kept.versions = self._run(kept, found)
                kept.good_until = self._clock() + KEPT_S
        finally:
            if kept.generation == generation:
                kept.reading = None

    def _run(self, kept: Kept, found: Sequence[Registration]) -> tuple[RunningVersion, ...]:
        before, kept.running = kept.running, {}
        versions = []
        for one in found:
            if one.is_switch:
                versions.append(RunningVersion(one, None))
                continue
            key = (one.name, one.version)
            connection, detector = before.get(key, (None, None))
            if detector is None or connection != one.connection:
                try:
                    detector = self._connect(one)
                except ValueError:
                    # Stored by a version of this service that knew options which this one does not.
                    _log.warning("detector_not_connected", adapter=one.connection.adapter.value)
                    continue
            kept.running[key] = (one.connection, detector)
            versions.append(RunningVersion(one, detector))
        return tuple(versions)
