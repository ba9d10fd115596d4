"""Finds the installed detectors: Python entry points of the group ``orchestration_svc.detectors``."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points

from orchestration_svc.adapters.plugin_revision import plugin_revision
from orchestration_svc.domain.detection import ProcessDetectorPlugin, RemoteDetectorPlugin

GROUP = "orchestration_svc.detectors"


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin that could be made.

    Attributes:
        plugin: what its entry point returned.
        entry_point: ``module:attribute``, from which a worker makes it again.
        repeatable: whether it says that one text may be shown to it twice at once.
        revision: changes when it is configured anew.
    """

    plugin: ProcessDetectorPlugin | RemoteDetectorPlugin
    entry_point: str
    repeatable: bool
    revision: str


@dataclass(frozen=True, slots=True)
class BrokenPlugin:
    """A plugin that is installed and cannot be used.

    Attributes:
        name: of its entry point.
        why: what is wrong with it, for an operator.
    """

    name: str
    why: str


def load_plugins(*, disabled: Collection[str] = ()) -> list[LoadedPlugin | BrokenPlugin]:
    """Make every installed plugin, by name. One that cannot be made is reported and harms no other.

    Args:
        disabled: names that are passed over without being imported.
    """
    found = [point for point in entry_points(group=GROUP) if point.name not in disabled]
    return load_entry_points(found)


def load_entry_points(found: Iterable[EntryPoint]) -> list[LoadedPlugin | BrokenPlugin]:
    """Make the plugin of each entry point, by name."""
    by_name: dict[str, list[EntryPoint]] = {}
    for point in found:
        by_name.setdefault(point.name, []).append(point)
    return [_load(name, points) for name, points in sorted(by_name.items())]


def _load(name: str, points: list[EntryPoint]) -> LoadedPlugin | BrokenPlugin:
    if len({point.value for point in points}) > 1:
        # Taking one of them would let a package quietly stand in for another's detector.
        return BrokenPlugin(name, "several installed packages provide it")
    point = points[0]
    try:
        plugin = point.load()()
        revision = plugin_revision(plugin, point)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's fault must not stop the service
        return BrokenPlugin(name, f"{type(error).__name__}: {error}"[:300])
    if not isinstance(plugin, ProcessDetectorPlugin | RemoteDetectorPlugin):
        return BrokenPlugin(name, "it is neither a process nor a remote detector")
    if plugin.name != name:
        return BrokenPlugin(name, f"it calls itself {plugin.name!r}")
    repeatable = getattr(plugin, "repeatable", False) is True
    return LoadedPlugin(plugin, point.value, repeatable=repeatable, revision=revision)
