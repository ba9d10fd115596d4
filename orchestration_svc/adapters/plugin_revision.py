"""A word for how an installed plugin is made up, so that one configured anew is told from what it was."""

from dataclasses import fields, is_dataclass
from enum import Enum
from importlib.metadata import EntryPoint
from pathlib import PurePath
from typing import Any

import msgspec

from orchestration_svc.adapters.detector_revision import revision_of

_DEPTH_MAX = 8


def plugin_revision(plugin: object, point: EntryPoint) -> str:
    """Return a word that changes with the plugin's package, its ``revision`` and the plain values it holds.

    Plain are numbers, strings, bytes and paths, collections of them, and dataclasses and msgspec Structs; any
    other object counts by its type alone, as nothing of it can be told from one start to the next. The word
    is a hash: no secret can be read from it.

    Raises:
        Exception: whatever the plugin's own ``revision`` raises.
    """
    package = (point.dist.name, point.dist.version) if point.dist is not None else None
    held = getattr(plugin, "__dict__", {})
    return revision_of(point.value, package, _plain(getattr(plugin, "revision", "")), _plain(held))


def _plain(value: Any, within: tuple[int, ...] = ()) -> Any:  # noqa: ANN401 - whatever a plugin holds
    if isinstance(value, Enum):
        value = value.value
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | PurePath):
        return str(value)
    # What holds itself has no end.
    deep = len(within) == _DEPTH_MAX or id(value) in within
    return type(value).__qualname__ if deep else _parts(value, (*within, id(value)))


def _parts(value: Any, within: tuple[int, ...]) -> Any:  # noqa: ANN401 - as above
    # A field may wait for its value until the plugin is loaded.
    if is_dataclass(value) and not isinstance(value, type):
        value = {one.name: getattr(value, one.name, None) for one in fields(value)}
    elif isinstance(value, msgspec.Struct):
        value = {name: getattr(value, name, None) for name in value.__struct_fields__}
    if isinstance(value, dict):
        pairs = [[_plain(name, within), _plain(held, within)] for name, held in value.items()]
        return {"": sorted(pairs, key=repr)}
    if isinstance(value, list | tuple):
        return [_plain(one, within) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((_plain(one, within) for one in value), key=repr)
    return type(value).__qualname__
