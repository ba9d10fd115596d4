"""Run by the interpreter that has litellm: its real guardrail client over one call; prints what it does."""

import asyncio
import json
import sys

from litellm.exceptions import GuardrailRaisedException  # type: ignore[import-not-found]  # in its own venv
from litellm.proxy.guardrails.guardrail_hooks.generic_guardrail_api.generic_guardrail_api import (  # type: ignore[import-not-found]
    GenericGuardrailAPI,
)


async def main() -> None:
    """Read url, token, inputs and parameters as JSON from stdin."""
    asked = json.load(sys.stdin)
    guardrail = GenericGuardrailAPI(
        api_base=asked["url"],
        headers={"Authorization": f"Bearer {asked['token']}"},
        additional_provider_specific_params=asked["params"],
        guardrail_name="llama-mapper",
        event_hook="pre_call",
    )
    said = []
    for inputs in asked["inputs"]:
        try:
            made = await guardrail.apply_guardrail(inputs=inputs, request_data={}, input_type="request")
            said.append({"texts": made["texts"]})
        except GuardrailRaisedException as error:
            said.append({"blocked": str(error)})
        except Exception as error:  # noqa: BLE001 - whatever the client makes of a refusal is what is looked at
            said.append({"failed": str(error)})
    sys.stdout.write(f"\n{json.dumps(said)}\n")


asyncio.run(main())
