"""Finds installed plugins: entry points of ``analysis_svc.engines`` and ``analysis_svc.models``."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from analysis_svc.domain.plugins import Capabilities, EnginePlugin, ModelPlugin

Kind = Literal["engine", "model"]
GROUPS: Mapping[Kind, str] = {"engine": "analysis_svc.engines", "model": "analysis_svc.models"}
_PROTOCOLS: Mapping[Kind, type[EnginePlugin | ModelPlugin]] = {"engine": EnginePlugin, "model": ModelPlugin}
_NAME = re.compile(r"[a-z][a-z0-9_]{0,47}")
_VERSION_MAX, _TITLE_MAX = 64, 120


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """A plugin that some package brings.

    Attributes:
        kind: what it is.
        name: of its entry point.
        distribution: the package that brings it, with its version; empty when not known.
        plugin: the object, or None when it cannot or may not be used.
        capabilities: what it says of itself; None when it is not used.
        why: why it is not used, for an operator; empty when it is.
    """

    kind: Kind
    name: str
    distribution: str
    plugin: EnginePlugin | ModelPlugin | None
    capabilities: Capabilities | None = None
    why: str = ""


def installed_plugins(*, disabled: Collection[str] = ()) -> list[InstalledPlugin]:
    """Make every installed plugin, by kind and name. One that cannot be made is told and harms no other.

    Args:
        disabled: names that are passed over without being imported.
    """
    return [
        plugin
        for kind, group in GROUPS.items()
        for plugin in load_points(kind, entry_points(group=group), disabled=disabled)
    ]


def load_points(
    kind: Kind, found: Iterable[EntryPoint], *, disabled: Collection[str] = ()
) -> list[InstalledPlugin]:
    """Make the plugin of each entry point, by name."""
    by_name: dict[str, dict[str, EntryPoint]] = {}
    for point in found:
        by_name.setdefault(point.name, {})[point.value] = point
    return [
        _load(kind, name, list(points.values()), off=name in disabled)
        for name, points in sorted(by_name.items())
    ]


def _load(kind: Kind, name: str, points: list[EntryPoint], *, off: bool) -> InstalledPlugin:
    point = points[0]
    brought_by = f"{point.dist.name} {point.dist.version}" if point.dist is not None else ""

    def unusable(why: str) -> InstalledPlugin:
        return InstalledPlugin(kind, name, brought_by, None, why=why)

    if off:
        return unusable("switched off by setting")
    if len(points) > 1:
        # Taking one of them would let a package quietly stand in for another's plugin.
        return unusable("several installed packages provide it")
    if not _NAME.fullmatch(name):
        return unusable("its name is not 1 to 48 lower-case letters, digits or _")
    try:
        plugin = point.load()()
        said = plugin.capabilities() if isinstance(plugin, _PROTOCOLS[kind]) else None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's fault must not stop the service
        return unusable(f"it cannot be made: {type(error).__name__}")
    if said is None or not _fit(said):
        return unusable(f"it is no {kind} that says its version and title in printable characters")
    return InstalledPlugin(kind, name, brought_by, plugin, said)


def _fit(said: object) -> bool:
    # What is declared and what is there are two things in another package's code.
    if not isinstance(said, Capabilities):
        return False
    version: object = said.version
    title: object = said.title
    labels: object = said.labels
    return (
        isinstance(version, str)
        and 0 < len(version) <= _VERSION_MAX
        and version.isprintable()
        and isinstance(title, str)
        and 0 < len(title) <= _TITLE_MAX
        and title.isprintable()
        and isinstance(labels, frozenset)
        and all(isinstance(label, str) for label in labels)
    )
