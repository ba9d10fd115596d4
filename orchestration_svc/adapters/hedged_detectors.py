"""Which installed detectors are asked a second time when they are late, as the settings say."""

from collections.abc import Mapping, Sequence

from orchestration_svc.adapters.plugins import BrokenPlugin, LoadedPlugin
from orchestration_svc.domain.detection import ProcessDetectorPlugin

_WORKERS_LEAST = 2


class HedgeError(ValueError):
    """A detector cannot be hedged; the message names it and says why."""


def read_hedged(text: str) -> dict[str, int]:
    """Read ``name=milliseconds`` pairs that commas separate.

    Raises:
        HedgeError: a pair is none, or a name comes twice.
    """
    hedged: dict[str, int] = {}
    for pair in filter(None, (part.strip() for part in text.split(","))):
        name, _, written = pair.partition("=")
        name, written = name.strip(), written.strip()
        if not name or name in hedged or not (written.isascii() and written.isdigit() and int(written)):
            raise HedgeError(f"{pair[:100]!r} is not name=milliseconds, or comes twice")
        hedged[name] = int(written)
    return hedged


def check_hedged(
    hedged: Mapping[str, int], installed: Sequence[LoadedPlugin | BrokenPlugin], *, workers: int
) -> None:
    """Refuse to hedge what is not there, what must not be asked twice, and what nobody else could answer.

    Raises:
        HedgeError: naming the detector.
    """
    broken = {one.name for one in installed if isinstance(one, BrokenPlugin)}
    loaded = {one.plugin.name: one for one in installed if isinstance(one, LoadedPlugin)}
    for name, after_ms in hedged.items():
        if name in broken:
            continue  # it is shown as what it is, and keeps nobody from starting
        found = loaded.get(name)
        if found is None:
            raise HedgeError(f"no detector {name!r} is installed")
        if not found.repeatable:
            raise HedgeError(f"{name!r} does not say that it may be asked twice (repeatable)")
        if after_ms >= found.plugin.timeout_ms:
            raise HedgeError(f"{name!r} has its whole {found.plugin.timeout_ms} ms by then")
        if isinstance(found.plugin, ProcessDetectorPlugin) and workers < _WORKERS_LEAST:
            raise HedgeError(f"{name!r} has one worker; ORCHESTRATION_DETECTOR_WORKERS must be 2 or more")
