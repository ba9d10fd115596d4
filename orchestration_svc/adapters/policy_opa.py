"""A remote Open Policy Agent as the engine for tenants' policies. Implements `PolicyEngine`."""

import json
from collections import OrderedDict

import httpx

from orchestration_svc.adapters.policy_sandbox import TOO_LONG, PolicySandbox
from orchestration_svc.domain.policy_bundle import DATA, PACKAGE, BundleFacts, PolicyBundle
from orchestration_svc.domain.policy_program import JsonObject, NoValueError, PolicyFault

_LOADED_MAX = 10_000
_LOAD_TIMEOUT_S = 5.0
_DIGEST_LENGTH = 32


class OpaEngine:
    """Loads bundles into an OPA server, each below a path of its tenant's own, and has it evaluate them.

    A bundle's path holds its digest: a new version never changes one that is in use. The server must be
    this platform's own, closed to everybody else, with the configuration that docs/guides/policies.md shows.

    Args:
        client: HTTP client; it follows no redirects.
        url: base URL of the server.
        token: sent as a bearer token; empty for none.
        sandbox: parses, as the embedded engine does: what may be uploaded does not depend on the engine.
        timeout_s: longest that one evaluation may take; OPA stops working when the call is given up.
    """

    def __init__(
        self, client: httpx.AsyncClient, *, url: str, token: str, sandbox: PolicySandbox, timeout_s: float
    ) -> None:
        self._client = client
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._sandbox = sandbox
        self._timeout_s = timeout_s
        self._loaded: OrderedDict[str, None] = OrderedDict()

    async def inspect(self, bundle: PolicyBundle) -> BundleFacts:
        """Parse without evaluating; raises PolicyFault."""
        return await self._sandbox.inspect(bundle)

    async def evaluate(self, bundle: PolicyBundle, rule: str, question: JsonObject) -> object:
        """Return the value of ``data.policy.<rule>``; raises PolicyFault."""
        prefix = prefix_of(bundle)
        fresh = prefix not in self._loaded
        if fresh:
            await self._load(bundle, prefix)
        path = rule.removeprefix(f"data.{PACKAGE}.").replace(".", "/")
        address = f"/v1/data/{prefix.replace('.', '/')}/{PACKAGE}/{path}?strict-builtin-errors=true"
        answer = await self._ask("POST", address, {"input": question})
        if "result" not in answer and not fresh:
            # The server may have been started anew, without what was loaded.
            await self._load(bundle, prefix)
            answer = await self._ask("POST", address, {"input": question})
        if "result" not in answer:
            raise NoValueError(f"the rule 'data.{PACKAGE}.{path}' has no value for this input")
        return answer["result"]

    async def _load(self, bundle: PolicyBundle, prefix: str) -> None:
        place = prefix.replace(".", "/")
        await self._ask("PUT", f"/v1/data/{place}/{DATA}", bundle.data, timeout_s=_LOAD_TIMEOUT_S)
        for path, source in (await self._sandbox.moved(bundle, prefix)).items():
            await self._ask("PUT", f"/v1/policies/{place}/{path}", source, timeout_s=_LOAD_TIMEOUT_S)
        self._loaded[prefix] = None
        if len(self._loaded) > _LOADED_MAX:
            self._loaded.popitem(last=False)

    async def _ask(
        self, method: str, path: str, body: JsonObject | str, *, timeout_s: float | None = None
    ) -> JsonObject:
        text = isinstance(body, str)
        try:
            answer = await self._client.request(
                method,
                self._url + path,
                content=body if isinstance(body, str) else json.dumps(body),
                headers=self._headers | {"Content-Type": "text/plain" if text else "application/json"},
                timeout=timeout_s or self._timeout_s,
            )
        except httpx.TimeoutException:
            raise PolicyFault(TOO_LONG) from None
        except httpx.HTTPError:
            raise PolicyFault("the policy server does not answer") from None
        if not answer.is_success:
            raise PolicyFault(f"the policy server refuses: {_reason(answer)}")
        try:
            said = answer.json() if answer.content else {}
        except ValueError:
            said = None
        if not isinstance(said, dict):
            raise PolicyFault("the policy server answers with something else")
        return said


def prefix_of(bundle: PolicyBundle) -> str:
    """Return where a bundle stands on a shared server."""
    return f"tenants.t_{bundle.tenant_id.hex}.b_{bundle.digest[:_DIGEST_LENGTH]}"


def _reason(answer: httpx.Response) -> str:
    """Return OPA's own words: code and message of its first error, else the status."""
    try:
        said = answer.json()
        errors = said.get("errors") or [said]
        return f"{errors[0]['code']}: {errors[0]['message']}"[:200]
    except (ValueError, AttributeError, KeyError, IndexError, TypeError):
        return f"status {answer.status_code}"
