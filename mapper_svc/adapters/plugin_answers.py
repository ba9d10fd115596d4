"""Asks a plugin and checks what it answers; runs in the plugin's own thread."""

import math
from collections.abc import Sequence
from dataclasses import replace

from mapper_svc.adapters.isolated_call import PluginCallError, PluginFault
from mapper_svc.domain.plugins import (
    Action,
    MappedLabel,
    MappedOutput,
    MapperPlugin,
    Remark,
    SeenFinding,
    SeenOutput,
    ValidatorPlugin,
)
from mapper_svc.domain.taxonomy import Taxonomy

_LABELS_MAX = 2_000
_RAW_MAX = 1_000


def read_with(
    plugin: MapperPlugin, outputs: Sequence[SeenOutput], taxonomy: Taxonomy
) -> list[MappedOutput | None]:
    """Returns what the mapper reads in each output, its notes spelled out.

    Raises:
        PluginCallError: BAD_ANSWER; whatever the plugin itself raises goes through.
    """
    return [_checked(plugin, plugin.read(output), taxonomy) for output in outputs]


def check_with(
    plugin: ValidatorPlugin, results: Sequence[Sequence[SeenFinding]]
) -> list[list[tuple[int, Action, str]]]:
    """Returns index, action and sentence of what the validator says of each result's findings.

    Raises:
        PluginCallError: BAD_ANSWER; whatever the plugin itself raises goes through.
    """
    return [[_remark(plugin, one, len(seen)) for one in plugin.check(seen)] for seen in results]


def _checked(plugin: MapperPlugin, output: object, taxonomy: Taxonomy) -> MappedOutput | None:
    if output is None:
        return None
    if not isinstance(output, MappedOutput) or len(output.labels) > _LABELS_MAX:
        raise _bad()
    return MappedOutput(
        labels=tuple(_label(plugin, one, taxonomy) for one in output.labels),
        nothing_found=output.nothing_found is True,
        unread=_sentence(plugin, output.unread),
    )


def _label(plugin: MapperPlugin, one: object, taxonomy: Taxonomy) -> MappedLabel:
    if not isinstance(one, MappedLabel) or not _is_label(one.raw):
        raise _bad()
    if one.label is not None and (one.label not in taxonomy.labels or one.label.startswith("OTHER.")):
        raise _bad()
    if not (_is_share(one.score) and _is_share(one.confidence)):
        raise _bad()
    if not all(offset is None or (type(offset) is int and offset >= 0) for offset in (one.start, one.end)):
        raise _bad()
    return replace(one, raw=one.raw[:_RAW_MAX], note=_sentence(plugin, one.note))


def _remark(plugin: ValidatorPlugin, one: object, findings: int) -> tuple[int, Action, str]:
    if not isinstance(one, Remark) or type(one.finding) is not int or not 0 <= one.finding < findings:
        raise _bad()
    if one.action not in set(Action):
        raise _bad()
    return one.finding, Action(one.action), _sentence(plugin, one.note)


def _sentence(plugin: MapperPlugin | ValidatorPlugin, key: object) -> str:
    if key == "":
        return ""
    if not isinstance(key, str) or key not in plugin.notes:
        raise _bad()
    return plugin.notes[key]


def _is_label(value: object) -> bool:
    return isinstance(value, str) and value.strip() != ""


def _is_share(value: object) -> bool:
    return isinstance(value, int | float) and math.isfinite(value) and 0 <= value <= 1


def _bad() -> PluginCallError:
    return PluginCallError(PluginFault.BAD_ANSWER)
