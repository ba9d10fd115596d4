"""GET /api/v1/plugins: the engines and models that are installed."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec
from litestar import Controller, get

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import faults


class PluginOut(msgspec.Struct, frozen=True):
    """One plugin; ``version`` and ``title`` are its own words, ``why`` tells why it is unusable."""

    kind: Literal["engine", "model"]
    name: str
    distribution: str
    status: Literal["active", "suspended", "unusable"]
    why: str
    version: str
    title: str


class PluginsOut(msgspec.Struct, frozen=True):
    """Every installed plugin. A suspended one failed repeatedly and is asked again before long."""

    plugins: list[PluginOut]


class PluginStates(Protocol):
    """Knows the installed plugins."""

    def states(self) -> Sequence[object]:
        """Return one object with the attributes of PluginOut for each."""
        ...


class PluginsController(Controller):
    """The installed plugins of this service, the same for every tenant."""

    path = "/api/v1/plugins"
    tags = ("plugins",)
    guards = (requires("settings:read"),)

    @get("/", summary="Installed plugins", responses=faults())
    async def every(self, plugins: Injected[PluginStates]) -> PluginsOut:
        """Answer each with its state."""
        return msgspec.convert({"plugins": plugins.states()}, PluginsOut, from_attributes=True)
