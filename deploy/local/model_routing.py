"""Has the mapper ask a model server: makes its release known over the mapper's API, and activates it."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import httpx

from deploy.local.credentials import write_private
from deploy.local.failure import SetupError
from deploy.local.model_readiness import served_version
from deploy.local.model_server import Slot
from deploy.local.service_commands import orchestration_output
from deploy.local.stack import Stack

OPERATOR_TENANT = "operator"
ROLE = "platform_admin"
TOKEN_SECONDS = 60
_PATIENCE_SECONDS = 10.0
_MINT_SECONDS = 20.0
_MODELS = "/api/v1/models"
_ROUTED_FILE = "routed-model"
"""In the run folder: the version that this stack activated last."""


@dataclass(frozen=True, slots=True)
class Routing:
    """What came of telling the mapper.

    Attributes:
        settled: nothing more is to be done: it serves the release, or a person chose another one.
        words: why it does not serve the release; None when it does.
    """

    settled: bool
    words: str | None = None


def route_to(stack: Stack, slot: Slot, *, among: Sequence[Slot], at_start: bool) -> Routing:
    """Have everybody served by the release in a slot; again is no fault, at another port it is moved.

    Args:
        stack: whose model it is.
        slot: where the release is served.
        among: every slot of the stack.
        at_start: the stack has just come up, so nobody has asked for the release just now: what a person
            chose meanwhile is left alone.
    """
    try:
        arguments = ["keys", "mint", "--tenant", OPERATOR_TENANT, "--role", ROLE, "--ttl", str(TOKEN_SECONDS)]
        token = orchestration_output(stack, arguments, seconds=_MINT_SECONDS).strip()
        with httpx.Client(
            base_url=stack.endpoints.api_url("mapper"),
            headers={"Authorization": f"Bearer {token}"},
            timeout=_PATIENCE_SECONDS,
            trust_env=False,
        ) as mapper:
            if at_start:
                told = served_version(slot, stack.credentials.model_token)
                served = told.version if told else None
                known = mapper.get(_MODELS).raise_for_status().json()
                if chosen := chosen_otherwise(known, served, _routed(stack), {one.url for one in among}):
                    return Routing(settled=True, words=chosen)
            return _activate(stack, mapper, slot)
    except SetupError as error:
        return Routing(settled=False, words=error.problem)
    except subprocess.TimeoutExpired:
        return Routing(settled=False, words=f"no token was minted within {_MINT_SECONDS:.0f} s")
    except (httpx.HTTPError, OSError, ValueError, KeyError, TypeError) as error:
        return Routing(settled=False, words=f"{type(error).__name__}: {error}")


def chosen_otherwise(
    known: dict[str, Any], served: str | None, routed: str | None, urls: set[str]
) -> str | None:
    """Say which choice of a person the served version would undo; None when it would undo none.

    Args:
        known: what the mapper says of its versions.
        served: the version that the stack serves.
        routed: the version that the stack activated last.
        urls: where the stack serves models.
    """
    of_version = {one["version"]: one for one in known["models"]}
    if served in of_version and of_version[served]["state"] == "retired":
        return f"{served} is retired: activate it by hand if it is to serve again"
    active = known["active"]
    if active is None or active == served:
        return None
    if active == routed and of_version[active]["url"] in urls:
        return None
    return f"the mapper was told to ask {active}, and is left at that; {served} waits"


def _activate(stack: Stack, mapper: httpx.Client, slot: Slot) -> Routing:
    known = mapper.post(_MODELS, json={"url": slot.url})
    if not known.is_success:
        return Routing(settled=False, words=_why(known))
    version = known.json()["version"]
    activated = mapper.post(
        f"{_MODELS}/{version}/activate", json={"reason": "it is what this machine serves"}
    )
    if not activated.is_success:
        return Routing(settled=False, words=_why(activated))
    write_private(stack.run / _ROUTED_FILE, version)
    return Routing(settled=True)


def _routed(stack: Stack) -> str | None:
    path = stack.run / _ROUTED_FILE
    return path.read_text(encoding="utf-8").strip() if path.exists() else None


def _why(answer: httpx.Response) -> str:
    return f"{answer.status_code} {answer.text[:300]}"
