"""Puts the installed plugins together: what engines add, and the model whose word enters the score."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from litestar.di import Provide

from analysis_svc.adapters.engine_host import EngineHost, PluginMetrics
from analysis_svc.adapters.model_tables import ask_models
from analysis_svc.adapters.plugin_points import InstalledPlugin, installed_plugins
from analysis_svc.api.plugins_controller import PluginsController
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.settings import Settings

PLUGIN_CONTROLLERS = (PluginsController,)


@dataclass(frozen=True, slots=True)
class ComposedPlugins:
    """The engines, and the catalogue with what a model knows better."""

    catalogue: Catalogue
    engines: EngineHost

    def dependencies(self) -> dict[str, Provide]:
        """Return what the controller asks for, by name."""
        return {"plugins": Provide(lambda: self.engines, sync_to_thread=False)}


def compose_plugins(
    settings: Settings,
    catalogue: Catalogue,
    metrics: PluginMetrics,
    installed: Sequence[InstalledPlugin] | None = None,
) -> ComposedPlugins:
    """Make them.

    Args:
        settings: which are switched off, and how long an engine may take.
        catalogue: as it was loaded.
        metrics: counts calls.
        installed: stands in for what is installed, in tests.
    """
    if installed is None:
        off = {name.strip() for name in settings.disabled_plugins.split(",") if name.strip()}
        installed = installed_plugins(disabled=off)
    calibration, checked = ask_models(installed, catalogue.taxonomy)
    if calibration is not None:
        catalogue = replace(catalogue, taxonomy=replace(catalogue.taxonomy, calibration=calibration))
    host = EngineHost(checked, catalogue.taxonomy, metrics, limit_s=settings.plugin_timeout_ms / 1000)
    return ComposedPlugins(catalogue, host)
