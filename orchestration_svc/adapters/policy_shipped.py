"""The policies that come with the service: Rego beside its tests, in ``data/policies/<name>/``."""

from pathlib import Path

from orchestration_svc.adapters.policy_regorus import RegorusProgram
from orchestration_svc.adapters.policy_syntax import facts_of
from orchestration_svc.domain.policy_program import JsonObject, PolicyFault

DEFAULT = "default"
SHIPPED = Path(__file__).parents[1] / "data" / "policies"


class ShippedPolicyError(Exception):
    """A policy that comes with the service is wrong; the message names it."""


class ShippedPolicy:
    """One policy of the service's own, trusted and evaluated in this process.

    Args:
        folder: holds its modules; the folder's name is the policy's.

    Raises:
        ShippedPolicyError: it does not parse, lacks a rule, or fails one of its tests.
    """

    shipped = True

    def __init__(self, folder: Path) -> None:
        self.name = folder.name
        try:
            modules = {path.name: path.read_text("utf-8") for path in sorted(folder.glob("*.rego"))}
            self._program = RegorusProgram(modules, {})
            self.version = str(self._program.evaluate("data.policy.version", {}))
            self.description = str(self._program.evaluate("data.policy.description", {}))
            self.reads = facts_of(self._program.ast()).reads
            self._test()
        except (OSError, UnicodeDecodeError, PolicyFault) as error:
            raise ShippedPolicyError(f"policy '{folder.name}': {error}") from None

    async def plan(self, question: JsonObject) -> object:
        """Return the value of ``plan``."""
        return self._program.evaluate("data.policy.plan", question)

    async def decide(self, question: JsonObject) -> object:
        """Return the value of ``decision``."""
        return self._program.evaluate("data.policy.decision", question)

    def _test(self) -> None:
        tests = 0
        for tree in self._program.ast():
            for name in _tests(tree):
                tests += 1
                if self._program.evaluate(f"data.policy.{name}", {}) is not True:
                    raise PolicyFault(f"its test '{name}' fails")
        if not tests:
            raise PolicyFault("it has no test")


def read_shipped(folder: Path = SHIPPED) -> dict[str, ShippedPolicy]:
    """Read every policy of a folder.

    Raises:
        ShippedPolicyError: one is wrong, or there is no default.
    """
    found = {path.name: ShippedPolicy(path) for path in sorted(folder.iterdir()) if path.is_dir()}
    if DEFAULT not in found:
        raise ShippedPolicyError(f"there is no policy '{DEFAULT}'")
    return found


def _tests(tree: JsonObject) -> list[str]:
    heads = [rule["Spec"]["head"] for rule in tree["ast"]["rules"] if "Spec" in rule]
    names = [next(iter(head.values()))["refr"].get("Var", {}).get("value", "") for head in heads]
    return [name for name in names if name.startswith("test_")]
