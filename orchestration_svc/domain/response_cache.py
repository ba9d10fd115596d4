"""What was found in a text a moment ago: found again without the detectors and the mapper. Never the text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.detection import Detector, DetectorResult, DetectorStatus
from orchestration_svc.domain.downstream import MapperAnswer
from orchestration_svc.domain.finding_places import NOT_UNDERSTOOD
from orchestration_svc.domain.idempotency import KeyedHash
from orchestration_svc.domain.orchestration import OrchestrationRequest, OrchestrationResult
from orchestration_svc.domain.policy import Policy, Priority
from orchestration_svc.domain.ports import Clock
from orchestration_svc.domain.tenant_settings import TenantSettings


class CacheAwayError(Exception):
    """The store does not answer; it is not asked again for a while."""


class Lookup(StrEnum):
    """What came of looking for an answer.

    Members:
        HIT: there is one.
        MISS: there is none.
        CRITICAL: not looked for, as the request is CRITICAL.
        SWITCHED_OFF: not looked for, as the tenant wants no cache.
        UNKNOWN: not looked for, as the tenant's settings or what the mapper maps with are not known.
        UNAVAILABLE: the store does not answer.
    """

    HIT = "hit"
    MISS = "miss"
    CRITICAL = "critical"
    SWITCHED_OFF = "switched_off"
    UNKNOWN = "unknown"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class Seen:
    """What was found in a text: labels, places and scores.

    Attributes:
        results: one for each detector; each of them succeeded.
        mapping: the mapper's answer; None when none was asked for.
        looked_at: when, UTC.
    """

    results: tuple[DetectorResult, ...]
    mapping: MapperAnswer | None
    looked_at: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """Where the answer to a request is kept, or would be.

    Attributes:
        tenant_id: whose request it is.
        key: keyed hash of everything that the answer depends on.
        mapping_version: what the mapper maps with; None where nothing is to be mapped.
        seen: what is kept there.
    """

    tenant_id: UUID
    key: bytes
    mapping_version: str | None
    seen: Seen | None


class SeenStore(Protocol):
    """Keeps what was found, for as long as it was made to."""

    async def get(self, tenant_id: UUID, key: bytes) -> Seen | None:
        """Return what is kept, None for nothing or what cannot be read; raises CacheAwayError."""
        ...

    def put(self, tenant_id: UUID, key: bytes, seen: Seen) -> None:
        """Keep it, as far as there is room; does not wait and never fails."""
        ...


class MappingVersions(Protocol):
    """Knows what mapper_svc maps with."""

    async def of(self, tenant_id: UUID) -> str | None:
        """Return what holds for the tenant, at most some seconds old; None when it is not known."""
        ...


class CacheEvents(Protocol):
    """Counts look-ups."""

    def cache_lookup(self, outcome: str) -> None:
        """``outcome`` is one of `Lookup`."""
        ...


class ResponseCache:
    """Finds what was found before, and keeps what is whole.

    Only what detectors and mapper said is kept. The policy is asked anew each time, the text that is redacted
    is the request's own, and the analysis is asked, so that evidence of every request is written.

    Args:
        store: keeps it.
        keyed_hash: makes keys; from none of them can a text be guessed.
        settings: knows what tenants chose.
        mapping_versions: knows what the mapper maps with.
        events: counts.
        clock: tells the time.
        kept: for how long it holds.
        release: of this service; what an older one kept is not used.
    """

    def __init__(
        self,
        *,
        store: SeenStore,
        keyed_hash: KeyedHash,
        settings: TenantSettings,
        mapping_versions: MappingVersions,
        events: CacheEvents,
        clock: Clock,
        kept: timedelta,
        release: str,
    ) -> None:
        self._store = store
        self._hash = keyed_hash
        self._settings = settings
        self._mapping_versions = mapping_versions
        self._events = events
        self._clock = clock
        self._kept = kept
        self._release = release

    async def look_up(
        self, request: OrchestrationRequest, policy: Policy, detectors: Sequence[Detector]
    ) -> Place | None:
        """Return the place of a request with what is kept there; None when the cache is passed by."""
        outcome, place = await self._look_up(request, policy, detectors)
        self._events.cache_lookup(outcome.value)
        return place

    def keep(self, place: Place, result: OrchestrationResult) -> None:
        """Keep what was found, if the answer is whole and was mapped as `place` says."""
        if place.seen is None and _is_whole(result, place):
            seen = Seen(result.results, result.mapping, result.finished_at)
            self._store.put(place.tenant_id, place.key, seen)

    async def _look_up(
        self, request: OrchestrationRequest, policy: Policy, detectors: Sequence[Detector]
    ) -> tuple[Lookup, Place | None]:
        if request.priority is Priority.CRITICAL:
            return Lookup.CRITICAL, None
        current = await self._settings.of(request.tenant_id)
        if current.note:
            return Lookup.UNKNOWN, None
        if not current.choices.response_cache:
            return Lookup.SWITCHED_OFF, None
        version = None
        if request.map_findings:
            version = await self._mapping_versions.of(request.tenant_id)
            if version is None:
                return Lookup.UNKNOWN, None
        key = self._key(request, policy, detectors, settings=current.version, mapping=version)
        try:
            seen = await self._store.get(request.tenant_id, key)
        except CacheAwayError:
            return Lookup.UNAVAILABLE, None
        if seen is not None and not timedelta() <= self._clock.now() - seen.looked_at <= self._kept:
            seen = None
        return (
            Lookup.MISS if seen is None else Lookup.HIT,
            Place(request.tenant_id, key, version, seen),
        )

    def _key(
        self,
        request: OrchestrationRequest,
        policy: Policy,
        detectors: Sequence[Detector],
        *,
        settings: int,
        mapping: str | None,
    ) -> bytes:
        facts = [
            self._release,
            settings,
            mapping,
            [policy.name, policy.version],
            [[one.info.name, one.info.vendor, one.info.version, one.info.revision] for one in detectors],
            request.content_type,
            request.policy,
            None if request.detectors is None else list(dict.fromkeys(request.detectors)),
            request.priority.value,
            request.map_findings,
            request.analyze_findings,
            request.direction,
            request.redaction.value,
        ]
        return self._hash(request.tenant_id.bytes, json.dumps(facts).encode(), request.content.encode())


def _is_whole(result: OrchestrationResult, place: Place) -> bool:
    """Whether an answer is full, nothing stood in for a part, and everybody was heard and understood."""
    if result.missing or not result.coverage.is_enough:
        return False
    if any(one.status is not DetectorStatus.SUCCESS for one in result.results):
        return False
    mapping = result.mapping
    if mapping is None:
        return place.mapping_version is None
    understood = not any(one.label in NOT_UNDERSTOOD for one in mapping.findings)
    return understood and not mapping.fallback_used and mapping.mapping_version == place.mapping_version
