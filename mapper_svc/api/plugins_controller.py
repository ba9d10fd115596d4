"""GET /api/v1/plugins: the mappers and validators that are installed."""

from collections.abc import Sequence
from typing import Literal, Protocol

import msgspec
from litestar import Controller, get

from mapper_svc.api.guards import requires
from mapper_svc.api.injected import Injected
from mapper_svc.api.problems import faults


class PluginOut(msgspec.Struct, frozen=True):
    """One plugin. ``detectors`` are those whose outputs a mapper reads; ``why`` tells why it is unusable."""

    kind: Literal["mapper", "validator"]
    name: str
    distribution: str
    status: Literal["active", "suspended", "unusable"]
    why: str
    detectors: list[str]


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
