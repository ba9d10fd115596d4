"""Asks the installed models how bad findings are, once, and keeps their answers as tables."""

import math
import threading
from collections.abc import Sequence
from dataclasses import replace
from queue import Empty, SimpleQueue

from analysis_svc.adapters.plugin_points import InstalledPlugin
from analysis_svc.domain.catalogue import Taxonomy
from analysis_svc.domain.plugins import ModelPlugin
from analysis_svc.domain.severity_calibration import GRID, SeverityCalibration, never_falling

LOAD_LIMIT_S = 10.0
_PAIRS_MAX = 2_000


def ask_models(
    installed: Sequence[InstalledPlugin], taxonomy: Taxonomy, *, limit_s: float = LOAD_LIMIT_S
) -> tuple[SeverityCalibration | None, list[InstalledPlugin]]:
    """Make the tables of the model that is in use.

    One model at most is used, so that an answer can name what its score is by.

    Args:
        installed: every plugin.
        taxonomy: what labels there are.
        limit_s: longest that a model may take for all its answers.

    Returns:
        The tables, or None when no model covers anything, and the plugins with those taken out that fail.
    """
    checked: list[InstalledPlugin] = []
    chosen: SeverityCalibration | None = None
    for one in installed:
        if one.kind != "model" or not isinstance(one.plugin, ModelPlugin) or one.capabilities is None:
            checked.append(one)
            continue
        tables, why = _asked(one.plugin, taxonomy, limit_s)
        if not why and tables and chosen is not None:
            why = f"another model, {chosen.model}, is in use"
        if why:
            checked.append(replace(one, plugin=None, why=why))
            continue
        checked.append(one)
        if tables:
            chosen = SeverityCalibration(one.name, one.capabilities.version, tables)
    return chosen, checked


def _asked(
    plugin: ModelPlugin, taxonomy: Taxonomy, limit_s: float
) -> tuple[dict[tuple[str, str], tuple[float, ...]], str]:
    answers: SimpleQueue[tuple[dict[tuple[str, str], tuple[float, ...]], str]] = SimpleQueue()

    def ask() -> None:
        try:
            answers.put((_tables(plugin, taxonomy), ""))
        except BaseException as error:  # noqa: BLE001 - a plugin may raise anything, SystemExit and panics too
            said = str(error) if isinstance(error, _UnfitError) else f"it fails: {type(error).__name__}"
            answers.put(({}, said))

    # A daemon, so that a model that hangs does not keep the process from ending.
    threading.Thread(target=ask, name="ask-model", daemon=True).start()
    try:
        return answers.get(timeout=limit_s)
    except Empty:
        return {}, f"it did not answer within {limit_s:g} seconds"


class _UnfitError(Exception):
    """A model answers something that it may not."""


def _tables(plugin: ModelPlugin, taxonomy: Taxonomy) -> dict[tuple[str, str], tuple[float, ...]]:
    pairs: object = plugin.covers()
    if not isinstance(pairs, list | tuple) or len(pairs) > _PAIRS_MAX:
        raise _UnfitError(f"what it covers is no list of at most {_PAIRS_MAX} pairs")
    tables = {}
    for pair in pairs:
        if not isinstance(pair, tuple) or [type(part) for part in pair] != [str, str]:
            raise _UnfitError("what it covers are not pairs of detector and label")
        detector, label = pair
        if label not in taxonomy.labels or label.startswith("OTHER."):
            raise _UnfitError("it covers a label that it may not")
        values: list[object] = [plugin.severity(detector, label, score) for score in GRID]
        numbers = [float(value) for value in values if isinstance(value, int | float)]
        if len(numbers) != len(GRID) or not all(
            math.isfinite(number) and 0.0 <= number <= 1.0 for number in numbers
        ):
            raise _UnfitError("it answers something else than numbers from 0 to 1")
        tables[detector, label] = never_falling(tuple(numbers))
    return tables
