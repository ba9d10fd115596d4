"""Run by the interpreter that has litellm: its real guardrail client, and what it makes of each question."""

import asyncio
import json
import sys
from typing import Any

from litellm.exceptions import GuardrailRaisedException  # type: ignore[import-not-found]  # in its own venv
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api.generic_guardrail_api import (  # type: ignore[import-not-found]
    GenericGuardrailAPI,
)


async def answers(asked: dict[str, Any]) -> list[dict[str, Any]]:
    """Return what the client makes of each of the inputs, with the URL, token and parameters given."""
    guardrail = GenericGuardrailAPI(
        api_base=asked["url"],
        headers={"Authorization": f"Bearer {asked['token']}"},
        additional_provider_specific_params=asked["params"],
        guardrail_name="llama-mapper",
        event_hook="pre_call",
    )
    said: list[dict[str, Any]] = []
    for inputs in asked["inputs"]:
        try:
            made = await guardrail.apply_guardrail(inputs=inputs, request_data={}, input_type="request")
            said.append({"texts": made["texts"]})
        except GuardrailRaisedException as error:
            said.append({"blocked": str(error)})
        except Exception as error:  # noqa: BLE001 - whatever the client makes of a refusal is what is looked at
            said.append({"failed": str(error)})
    return said


async def main() -> None:
    """Answer each line of stdin, one JSON object, with one on stdout that is marked: litellm prints, too."""
    for line in sys.stdin:
        said = await answers(json.loads(line))
        sys.stdout.write(f"\nANSWER {json.dumps(said)}\n")
        sys.stdout.flush()


asyncio.run(main())
