"""All detectors of the service: the installed ones and the configured remote ones."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from uuid import UUID

from orchestration_svc.adapters.detector_host import ProcessDetector
from orchestration_svc.adapters.detector_revision import revision_of
from orchestration_svc.adapters.detectors.fms_http import HttpDetectorConfig, configured_detector
from orchestration_svc.adapters.hedged_detectors import check_hedged
from orchestration_svc.adapters.http_calls import HttpCalls
from orchestration_svc.adapters.plugins import BrokenPlugin, LoadedPlugin, load_plugins
from orchestration_svc.adapters.remote_detector import BrokenDetector, RemoteDetector
from orchestration_svc.domain.detection import (
    Detector,
    DetectorDirectory,
    DetectorInfo,
    DetectorKind,
    ProcessDetectorPlugin,
    ReadyState,
    RemoteDetectorPlugin,
)

_CLOSE_LIMIT_S = 5.0

AnyDetector = ProcessDetector | RemoteDetector | BrokenDetector


class DetectorFleet:
    """The detectors by name, started and closed together.

    Args:
        detectors: the detectors.

    Raises:
        ValueError: when two have the same name.
    """

    def __init__(self, detectors: Iterable[AnyDetector]) -> None:
        self._by_name: dict[str, AnyDetector] = {}
        for detector in detectors:
            name = detector.info.name
            if name in self._by_name:
                raise ValueError(f"two detectors are named {name!r}")
            self._by_name[name] = detector
        self._starting = set(self._by_name)

    async def of(self, tenant_id: UUID) -> DetectorDirectory:
        """Return these; they are everybody's."""
        del tenant_id
        return self

    def get(self, name: str) -> Detector | None:
        """Return the detector of that name."""
        return self._by_name.get(name)

    def all(self) -> Sequence[Detector]:
        """Return all of them by name, those that cannot run included."""
        return [self._by_name[name] for name in sorted(self._by_name)]

    def start(self) -> None:
        """Begin to start the workers; returns at once. Needs the running event loop that calls will use."""
        for detector in self._by_name.values():
            detector.start()

    @property
    def came_up(self) -> bool:
        """Whether each detector was ready, or known to be unavailable, once since the start."""
        for name in list(self._starting):
            if self._by_name[name].health().state is not ReadyState.STARTING:
                self._starting.discard(name)
        return not self._starting

    async def settled(self, timeout_s: float) -> bool:
        """Wait until each detector is ready or known to be unavailable; False when time ran out first."""
        try:
            async with asyncio.timeout(timeout_s):
                await asyncio.gather(*(detector.settled() for detector in self._by_name.values()))
        except TimeoutError:
            return False
        return True

    async def close(self) -> None:
        """End every worker and connection, within 5 s."""
        async with asyncio.timeout(_CLOSE_LIMIT_S):
            await asyncio.gather(*(detector.close() for detector in self._by_name.values()))


def build_fleet(
    *,
    http_detectors: Sequence[HttpDetectorConfig] = (),
    client: HttpCalls | None = None,
    disabled: Collection[str] = (),
    workers: int = 1,
    hedged: Mapping[str, int] | None = None,
) -> DetectorFleet:
    """Find the installed detectors and add the configured ones; nothing is started.

    Args:
        http_detectors: remote detectors that speak the FMS detectors API.
        client: makes their calls; the caller closes it. Needed when there are any.
        disabled: names of installed detectors to pass over.
        workers: processes for each CPU-bound detector.
        hedged: installed detectors that are asked a second time, each with the milliseconds after which.

    Raises:
        HedgeError: when one of those cannot be.
        ValueError: when two detectors have the same name, or ``client`` is missing.
    """
    plugins = load_plugins(disabled=disabled)
    hedged = hedged or {}
    check_hedged(hedged, plugins, workers=workers)
    fleet: list[AnyDetector] = [_installed(found, workers, hedged) for found in plugins]
    for config in http_detectors:
        if client is None:
            raise ValueError("remote detectors need an HTTP client")
        made = configured_detector(config, client)
        revision = revision_of(asdict(config))
        fleet.append(_remote(made, revision=revision, hedge_after_ms=config.hedge_after_ms))
    return DetectorFleet(fleet)


def _installed(found: LoadedPlugin | BrokenPlugin, workers: int, hedged: Mapping[str, int]) -> AnyDetector:
    if isinstance(found, BrokenPlugin):
        return BrokenDetector(found.name, found.why)
    after_ms = hedged.get(found.plugin.name, 0)
    if isinstance(found.plugin, ProcessDetectorPlugin):
        info = _info(found.plugin, DetectorKind.PROCESS, revision=found.revision, hedge_after_ms=after_ms)
        return ProcessDetector(info, found.entry_point, workers=workers)
    return _remote(found.plugin, revision=found.revision, hedge_after_ms=after_ms)


def _remote(plugin: RemoteDetectorPlugin, *, revision: str, hedge_after_ms: int) -> RemoteDetector:
    info = _info(plugin, DetectorKind.REMOTE, revision=revision, hedge_after_ms=hedge_after_ms)
    return RemoteDetector(info, plugin)


def _info(
    plugin: ProcessDetectorPlugin | RemoteDetectorPlugin,
    kind: DetectorKind,
    *,
    revision: str,
    hedge_after_ms: int,
) -> DetectorInfo:
    return DetectorInfo(
        name=plugin.name,
        vendor=plugin.vendor,
        version=plugin.version,
        kind=kind,
        content_types=frozenset(plugin.content_types),
        timeout_ms=plugin.timeout_ms,
        revision=revision,
        hedge_after_ms=hedge_after_ms,
    )
