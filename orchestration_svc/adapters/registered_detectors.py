"""Detectors of every origin put together: contained, probed, registered at run time, called by one guard."""

import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol
from uuid import UUID

from redis.asyncio import Redis

from orchestration_svc.adapters.contained_detector import (
    Check,
    ContainedDetector,
    Containment,
    ContainmentEvents,
)
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.detector_directory import LiveDirectory
from orchestration_svc.adapters.detector_host import ProcessDetector
from orchestration_svc.adapters.detector_news import DetectorNews
from orchestration_svc.adapters.detector_probes import DetectorProbes
from orchestration_svc.adapters.detector_repository import DetectorRepository
from orchestration_svc.adapters.detector_revision import revision_of
from orchestration_svc.adapters.detector_secrets import NamedSecret
from orchestration_svc.adapters.detectors.http_detector import NEUTRAL_TEXT, HttpDetector, HttpTarget
from orchestration_svc.adapters.detectors.wire_formats import make_wire_format
from orchestration_svc.adapters.http_calls import HttpCalls
from orchestration_svc.adapters.kept_registrations import KeptRegistrations
from orchestration_svc.adapters.outbound_rule import OutboundRefusedError, OutboundRule
from orchestration_svc.adapters.remote_detector import RemoteDetector
from orchestration_svc.adapters.shadowed_detector import ShadowEvents
from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from orchestration_svc.domain.background_work import BackgroundWork
from orchestration_svc.domain.detection import (
    CallContext,
    Detector,
    DetectorDirectory,
    DetectorInfo,
    DetectorKind,
)
from orchestration_svc.domain.detector_registration import AdapterName, ProbeKind, Registration, wrong
from orchestration_svc.domain.detector_registry import DetectorRegistry

_SHADOWS_AT_ONCE = 32
# Worker processes have queues of their own, and time out in them; this only bounds what piles up.
_LOCAL = Containment(max_concurrency=256, retries=0)


class DetectorEvents(ContainmentEvents, ShadowEvents, Protocol):
    """Hears everything about detectors, for metrics."""


class ContainedFleet:
    """Implements `DetectorDirectory` around the installed and configured detectors.

    Args:
        fleet: the detectors.
        events: hears how they are.
        probed: names of those whose server is asked with a neutral text.
    """

    def __init__(
        self, fleet: DetectorDirectory, events: ContainmentEvents, probed: Sequence[str] = ()
    ) -> None:
        self._by_name = {
            one.info.name: ContainedDetector(
                one,
                Containment() if one.info.kind is DetectorKind.REMOTE else _LOCAL,
                events,
                check=_Asks(one) if one.info.name in probed else None,
                has_room=one.has_free_worker if isinstance(one, ProcessDetector) else lambda: True,
            )
            for one in fleet.all()
        }

    async def of(self, tenant_id: UUID) -> DetectorDirectory:
        """Return these; they are everybody's."""
        del tenant_id
        return self

    def get(self, name: str) -> ContainedDetector | None:
        """Return the detector of that name."""
        return self._by_name.get(name)

    def all(self) -> Sequence[ContainedDetector]:
        """Return all of them by name."""
        return list(self._by_name.values())


class RegisteredDetectors:
    """Makes the parts; `running` gives them life.

    Args:
        installed: detectors that came with the service or its settings.
        database: keeps registrations.
        valkey: carries news of them.
        client: the guarded client.
        rule: what it may call.
        events: hears how detectors are.
        environment: holds secrets, by the names that registrations refer to.

    Attributes:
        directory: finds the detectors of a request.
        registry: changes registrations.
        kept: what is known of them here.
    """

    def __init__(
        self,
        installed: DetectorDirectory,
        *,
        database: Database,
        valkey: Redis,
        client: HttpCalls,
        rule: OutboundRule,
        events: DetectorEvents,
        environment: Mapping[str, str] = os.environ,
    ) -> None:
        self._installed = installed
        self._client = client
        self._events = events
        self._environment = environment
        self._readings = BackgroundWork()
        self._shadows = BackgroundWork(_SHADOWS_AT_ONCE)
        self._loops = BackgroundWork()
        store = DetectorRepository(database)
        self.kept = KeptRegistrations(store, self._connect, self._readings)
        self._news = DetectorNews(valkey, self.kept.expire)
        self.directory = LiveDirectory(installed, self.kept, self._shadows, events)
        self.registry = DetectorRegistry(
            store, self._news, _Check(rule), lambda: {one.info.name for one in installed.all()}
        )
        self._probes = DetectorProbes(self._probed)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Follow news and probe detectors for as long as the context lasts."""
        self._loops.start(self._news.follow())
        self._loops.start(self._probes.run())
        try:
            yield
        finally:
            for work in (self._loops, self._shadows, self._readings):
                await work.close()

    def _probed(self) -> Sequence[ContainedDetector]:
        installed = [one for one in self._installed.all() if isinstance(one, ContainedDetector)]
        return [*installed, *self.kept.running()]

    def _connect(self, registration: Registration) -> ContainedDetector:
        connection = registration.connection
        target = HttpTarget(
            name=registration.name,
            base_url=connection.url,
            vendor=connection.vendor,
            version=registration.version,
            timeout_ms=connection.timeout_ms,
            content_types=frozenset(connection.content_types),
            secret=NamedSecret(
                registration.owner, connection.secret, connection.auth_header, self._environment
            ),
            tenant=None if registration.shared else registration.owner,
        )
        plugin = HttpDetector(target, make_wire_format(connection.adapter, connection.options), self._client)
        info = DetectorInfo(
            name=target.name,
            vendor=target.vendor,
            version=target.version,
            kind=DetectorKind.REMOTE,
            content_types=target.content_types,
            timeout_ms=target.timeout_ms,
            hedge_after_ms=connection.hedge_after_ms,
            # Another key may mean another project with other rules behind the same address.
            revision=revision_of(
                str(registration.owner),
                connection.adapter.value,
                connection.url,
                connection.secret,
                connection.auth_header,
                dict(connection.options),
            ),
        )
        inner = RemoteDetector(info, plugin)
        checks: dict[ProbeKind, Check | None] = {
            ProbeKind.DETECT: _Asks(inner),
            ProbeKind.HEALTH: lambda: plugin.check_health(connection.health_path),
            ProbeKind.NONE: None,
        }
        limits = Containment(max_concurrency=connection.max_concurrency, retries=connection.retries)
        return ContainedDetector(
            inner, limits, self._events, check=checks[connection.probe], label=_label(registration)
        )


class _Check:
    """Implements `ConnectionCheck`."""

    def __init__(self, rule: OutboundRule) -> None:
        self._rule = rule

    def check_url(self, url: str) -> None:
        try:
            self._rule.check_url(url)
        except OutboundRefusedError as error:
            raise wrong("url", f"the URL cannot be used: {error}") from None

    def check_options(self, adapter: AdapterName, options: Mapping[str, Any]) -> None:
        try:
            make_wire_format(adapter, options)
        except ValueError as error:
            raise wrong("options", str(error)[:300]) from None


class _Asks:
    """Asks a detector about a text that says nothing, as a request would."""

    def __init__(self, detector: Detector) -> None:
        self._detector = detector

    async def __call__(self) -> None:
        timeout_s = self._detector.info.timeout_ms / 1000
        await self._detector.detect(NEUTRAL_TEXT, timeout_s=timeout_s, context=CallContext())


def _label(registration: Registration) -> str:
    whose = "" if registration.owner == OPERATOR_TENANT_ID else f"{registration.owner.hex[:8]}/"
    return f"{whose}{registration.name}@{registration.version}"
