"""Finds installed plugins: entry points of ``mapper_svc.mappers`` and ``mapper_svc.validators``."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Literal

from mapper_svc.domain.plugins import NOTE_MAX, MapperPlugin, ValidatorPlugin

Kind = Literal["mapper", "validator"]
GROUPS: Mapping[Kind, str] = {"mapper": "mapper_svc.mappers", "validator": "mapper_svc.validators"}


@dataclass(frozen=True, slots=True)
class InstalledPlugin:
    """A plugin that some package brings.

    Attributes:
        kind: what it is.
        name: of its entry point.
        distribution: the package that brings it, with its version; empty when not known.
        plugin: the object, or None when it cannot or may not be used.
        why: why it is not used, for an operator; empty when it is.
    """

    kind: Kind
    name: str
    distribution: str
    plugin: MapperPlugin | ValidatorPlugin | None
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
    if off:
        return InstalledPlugin(kind, name, brought_by, None, "switched off by setting")
    if len(points) > 1:
        # Taking one of them would let a package quietly stand in for another's plugin.
        return InstalledPlugin(kind, name, brought_by, None, "several installed packages provide it")
    try:
        plugin = point.load()()
        why = _fault(kind, name, plugin)
    except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's fault must not stop the service
        return InstalledPlugin(kind, name, brought_by, None, f"it cannot be made: {type(error).__name__}")
    return InstalledPlugin(kind, name, brought_by, None if why else plugin, why)


def _fault(kind: Kind, name: str, plugin: object) -> str:
    if not isinstance(plugin, MapperPlugin if kind == "mapper" else ValidatorPlugin):
        return f"it is no {kind}"
    if plugin.name != name:
        return "it calls itself by another name than its entry point"
    # What is declared and what is there are two things in another package's code.
    notes: object = plugin.notes
    if not isinstance(notes, Mapping) or not all(
        _is_text(key) and _is_text(said) and 0 < len(said) <= NOTE_MAX and said.isprintable()
        for key, said in notes.items()
    ):
        return f"its notes are not sentences of at most {NOTE_MAX} printable characters"
    if isinstance(plugin, MapperPlugin):
        detectors: object = plugin.detectors
        if not isinstance(detectors, list | tuple | set | frozenset) or not all(map(_is_text, detectors)):
            return "its detectors are not a list of names"
    return ""


def _is_text(value: object) -> bool:
    return isinstance(value, str) and value != ""
