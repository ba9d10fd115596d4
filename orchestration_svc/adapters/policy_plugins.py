"""Policies that installed packages bring: entry points of the group ``orchestration_svc.policies``.

They are Python of the operator's choosing, run in this process and trusted as such. A shipped policy or a
tenant's own of the same name goes before them.
"""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

import structlog

from orchestration_svc.domain.policy_program import JsonObject, PolicyFault

GROUP = "orchestration_svc.policies"
_log = structlog.get_logger("orchestration_svc")


@runtime_checkable
class PolicyPlugin(Protocol):
    """What an entry point returns when called without arguments.

    Both methods get what a Rego policy sees as ``input`` and return what it would. They must be quick: they
    run on the event loop.
    """

    name: str
    version: str
    description: str

    def plan(self, question: JsonObject) -> object:
        """Return the plan."""
        ...

    def decide(self, question: JsonObject) -> object:
        """Return the decision."""
        ...


class PluginPolicy:
    """A plugin as a policy program; whatever it raises denies."""

    shipped = True
    # Python may look at a clock.
    reads = None

    def __init__(self, plugin: PolicyPlugin) -> None:
        self._plugin = plugin
        self.name = plugin.name
        self.version = plugin.version
        self.description = plugin.description

    async def plan(self, question: JsonObject) -> object:
        """Return the plan."""
        try:
            return self._plugin.plan(question)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's fault denies, and no more
            raise PolicyFault(f"the plugin failed ({type(error).__name__})") from None

    async def decide(self, question: JsonObject) -> object:
        """Return the decision."""
        try:
            return self._plugin.decide(question)
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the same
            raise PolicyFault(f"the plugin failed ({type(error).__name__})") from None


def load_policy_plugins(found: Iterable[EntryPoint] | None = None) -> dict[str, PluginPolicy]:
    """Make every installed plugin, by name.

    One that cannot be made is logged and left out: a request for it is then answered with POLICY_NOT_FOUND,
    and never by another policy, for plugins may not bear the name of a shipped one.
    """
    policies: dict[str, PluginPolicy] = {}
    for point in sorted(entry_points(group=GROUP) if found is None else found, key=lambda one: one.name):
        try:
            plugin = point.load()()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - another package's fault must not stop the service
            _log.error("policy_plugin_not_loaded", plugin=point.name, error_type=type(error).__name__)
            continue
        if not isinstance(plugin, PolicyPlugin) or plugin.name != point.name or point.name in policies:
            _log.error("policy_plugin_not_loaded", plugin=point.name, error_type="not a policy of that name")
            continue
        policies[point.name] = PluginPolicy(plugin)
    return policies
