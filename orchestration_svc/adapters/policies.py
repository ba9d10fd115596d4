"""Puts together what finds, evaluates and changes policies."""

from collections.abc import Mapping
from dataclasses import dataclass

import httpx
from redis.asyncio import Redis

from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.policy_cache import TenantPolicies
from orchestration_svc.adapters.policy_opa import OpaEngine
from orchestration_svc.adapters.policy_plugins import load_policy_plugins
from orchestration_svc.adapters.policy_repository import PolicyRepository
from orchestration_svc.adapters.policy_sandbox import PolicySandbox
from orchestration_svc.adapters.policy_shipped import read_shipped
from orchestration_svc.domain.policy_bundle import PolicyEngine
from orchestration_svc.domain.policy_changes import ChangePolicies
from orchestration_svc.domain.policy_program import PolicyProgram


@dataclass(frozen=True, slots=True)
class Policies:
    """The parts around policies.

    Attributes:
        source: finds the policy of a request.
        changes: the use cases of the policies resource.
        shared: policies that every tenant has, by name.
        sandbox: to be started and closed with the service.
    """

    source: TenantPolicies
    changes: ChangePolicies
    shared: Mapping[str, PolicyProgram]
    sandbox: PolicySandbox

    async def close(self) -> None:
        """End what runs."""
        await self.source.close()
        await self.sandbox.close()


def make_policies(
    database: Database,
    valkey: Redis,
    client: httpx.AsyncClient,
    *,
    timeout_s: float,
    opa_url: str,
    opa_token: str,
    opa_timeout_s: float,
) -> Policies:
    """Make them.

    Args:
        database: holds the tenants' policies.
        valkey: carries the news of changes.
        client: for the OPA server, where there is one.
        timeout_s: processor time of one evaluation.
        opa_url: base URL of an OPA server; empty for the embedded engine.
        opa_token: for that server.
        opa_timeout_s: longest that an evaluation by that server may take.

    Raises:
        ShippedPolicyError: a policy that comes with the service is wrong.
    """
    sandbox = PolicySandbox(timeout_s=timeout_s)
    engine: PolicyEngine = sandbox
    if opa_url:
        engine = OpaEngine(client, url=opa_url, token=opa_token, sandbox=sandbox, timeout_s=opa_timeout_s)
    # No plugin stands in for a shipped policy.
    shared: dict[str, PolicyProgram] = {**load_policy_plugins(), **read_shipped()}
    store = PolicyRepository(database)
    source = TenantPolicies(store, engine, shared, valkey)
    return Policies(source, ChangePolicies(store, engine, source), shared, sandbox)
