"""Rego in this very process, by regorus. Bound to one thread; no limit of time: see policy_sandbox.py."""

import asyncio
import json
import re
from collections.abc import Callable, Mapping
from typing import Any

import regorus

from orchestration_svc.domain.policy_program import JsonObject, NoValueError, PolicyFault

# Made once: what is no number in JSON is none for a policy either.
_QUESTION = json.JSONEncoder(allow_nan=False)
# What comes back for a rule without a value, and for one whose value is this very text: that has none either.
_UNDEFINED = "<undefined>"
_PLACE = re.compile(
    r"--> (?P<module>[^\n]{1,200}?):(?P<line>\d+):\d+.*?error: (?P<why>[^\n]{1,200})", re.DOTALL
)


class RegorusProgram:
    """Some modules and data, parsed once and evaluated often; to be used from the thread that made it.

    Args:
        modules: Rego source by path.
        data: what stands under ``data``.

    Raises:
        PolicyFault: with module and line of what does not parse.
    """

    def __init__(self, modules: Mapping[str, str], data: JsonObject) -> None:
        self._engine = regorus.Engine()
        # Prints are gathered and dropped: they would land in the service's log.
        self._engine.set_gather_prints(b=True)
        for path, source in sorted(modules.items()):
            _guarded(self._engine.add_policy, path, source)
        _guarded(self._engine.add_data_json, json.dumps(data))

    def ast(self) -> list[JsonObject]:
        """Return the syntax trees of all modules."""
        found: list[JsonObject] = json.loads(_guarded(self._engine.get_ast_as_json))
        return found

    def evaluate(self, rule: str, question: JsonObject) -> object:
        """Return the value of a rule, such as ``data.policy.plan``.

        Raises:
            PolicyFault: the rule is not there, has no value, or fails.
        """
        _guarded(self._engine.set_input_json, _QUESTION.encode(question))
        answer: object = json.loads(_guarded(self._engine.eval_rule_as_json, rule))
        _guarded(self._engine.take_prints)
        if answer == _UNDEFINED:
            raise NoValueError(f"the rule '{rule}' has no value for this input")
        return answer


def _guarded(call: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401 - whatever the engine gives
    try:
        return call(*arguments)
    except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
        raise
    # A panic of the engine is no Exception; whatever happens in there, the policy has no answer.
    except BaseException as error:  # noqa: BLE001
        raise PolicyFault(_said(error)) from None


def _said(error: BaseException) -> str:
    """Return module, line and reason of the engine's message, without the source that it quotes."""
    found = _PLACE.search(str(error))
    if found:
        return f"{found['module']}:{found['line']}: {found['why']}"
    first = str(error).strip().partition("\n")[0][:200]
    return (
        first if isinstance(error, RuntimeError) and first else f"the engine failed ({type(error).__name__})"
    )
