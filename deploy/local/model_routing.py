"""Has the mapper ask a model server: makes its release known over the mapper's API, and activates it."""

import httpx

from deploy.local.failure import SetupError
from deploy.local.model_server import Slot
from deploy.local.service_commands import orchestration_output
from deploy.local.stack import Stack

OPERATOR_TENANT = "operator"
ROLE = "platform_admin"
TOKEN_SECONDS = 60
_PATIENCE_SECONDS = 10.0


def route_to(stack: Stack, slot: Slot) -> str | None:
    """Have everybody served by the release in a slot; again is no fault, at another port it is moved.

    Returns:
        Why the mapper does not take it now; None when it does.
    """
    try:
        arguments = ["keys", "mint", "--tenant", OPERATOR_TENANT, "--role", ROLE, "--ttl", str(TOKEN_SECONDS)]
        token = orchestration_output(stack, arguments).strip()
        with httpx.Client(
            base_url=stack.endpoints.api_url("mapper"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=_PATIENCE_SECONDS,
            trust_env=False,
        ) as mapper:
            known = mapper.post("/api/v1/models", json={"url": slot.url})
            if not known.is_success:
                return _why(known)
            version = known.json()["version"]
            activated = mapper.post(
                f"/api/v1/models/{version}/activate", json={"reason": "it is what this machine serves"}
            )
    except SetupError as error:
        return error.problem
    except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
        return f"{type(error).__name__}: {error}"
    return None if activated.is_success else _why(activated)


def _why(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:300]}"
