"""Detectors without workers: remote ones, and the stand-in for one that cannot be used at all."""

import asyncio

from orchestration_svc.domain.detection import (
    CallContext,
    DetectorFault,
    DetectorHealth,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    DetectorStatus,
    FailureReason,
    PunctualDetectorPlugin,
    ReadyState,
    RemoteDetectorPlugin,
)


class RemoteDetector:
    """Runs a remote plugin on the event loop, within its timeout.

    Args:
        info: what the plugin says of itself.
        plugin: makes the calls.
    """

    def __init__(self, info: DetectorInfo, plugin: RemoteDetectorPlugin) -> None:
        self._info = info
        self._plugin = plugin
        self._punctual = plugin if isinstance(plugin, PunctualDetectorPlugin) else None
        self._last: DetectorFault | None = None

    @property
    def info(self) -> DetectorInfo:
        """What the plugin says of itself."""
        return self._info

    def health(self) -> DetectorHealth:
        """Whether the last call reached the server; no call is made to find out."""
        if self._last is not None and self._last.status is DetectorStatus.UNAVAILABLE:
            return DetectorHealth(ReadyState.UNAVAILABLE, self._last.reason)
        return DetectorHealth(ReadyState.READY)

    def start(self) -> None:
        """Nothing to start."""

    async def settled(self) -> None:
        """Nothing to wait for."""

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        """Make the call.

        Raises:
            DetectorFault: as the plugin says, or timeout.
        """
        try:
            if self._punctual is not None:
                said = await self._punctual.detect_within(text, context, timeout_s)
            else:
                async with asyncio.timeout(timeout_s):
                    said = await self._plugin.detect_remote(text, context)
        except TimeoutError:
            self._last = DetectorFault(DetectorStatus.TIMEOUT, FailureReason.RAN_TOO_LONG)
            raise self._last from None
        except DetectorFault as fault:
            self._last = fault
            raise
        self._last = None
        return said

    async def close(self) -> None:
        """Let the plugin close its connections."""
        await self._plugin.close()


class BrokenDetector:
    """Stands for an installed plugin that cannot be imported, so that it is seen to be missing.

    Args:
        name: of its entry point.
        why: what is wrong with it.
        reason: the same, from the closed set.
    """

    def __init__(self, name: str, why: str, *, reason: FailureReason = FailureReason.NOT_INSTALLED) -> None:
        self._info = DetectorInfo(name, name, "unknown", DetectorKind.PROCESS, frozenset({"text/plain"}), 1)
        self._why = why
        self._reason = reason

    @property
    def info(self) -> DetectorInfo:
        """Its name; nothing else is known."""
        return self._info

    def health(self) -> DetectorHealth:
        """Never ready."""
        return DetectorHealth(ReadyState.UNAVAILABLE, self._reason, self._why)

    def start(self) -> None:
        """Nothing to start."""

    async def settled(self) -> None:
        """Nothing to wait for."""

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        """Never succeeds.

        Raises:
            DetectorFault: unavailable.
        """
        del text, timeout_s, context
        raise DetectorFault(DetectorStatus.UNAVAILABLE, self._reason)

    async def close(self) -> None:
        """Nothing to close."""
