"""/api/v1/policies: the policies of the caller's tenant."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from orchestration_svc.api.guards import requires
from orchestration_svc.api.idempotent import IdempotencyKey, answered_once
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.policies_wire import (
    ActivateIn,
    DryRunIn,
    DryRunOut,
    PolicyDiff,
    PolicyIn,
    PolicyList,
    PolicySourceOut,
    PolicyStateOut,
    PolicyVersions,
    SharedPolicyOut,
    UploadedOut,
    bundle_of,
    state_out,
    uploaded_out,
    version_out,
)
from orchestration_svc.api.problems import BODY, faults
from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.errors import ErrorCode
from orchestration_svc.domain.idempotency import Idempotency
from orchestration_svc.domain.policy_changes import ChangePolicies
from orchestration_svc.domain.policy_program import PolicyProgram

_REGO = """package policy

plan := {"coverage": {"method": "REQUIRED_SET", "threshold": 1.0}, "fail_mode": {"default": "closed"}}

decision := {"action": action}

default action := "allow"

action := "block" if {
	some finding in input.findings
	startswith(finding.label, "SECRET.")
}

test_secrets_are_blocked if {
	action == "block" with input as {"findings": [{"label": "SECRET.ApiKey"}]}
}
"""
_EXAMPLE = {"name": "default", "modules": {"policy.rego": _REGO}}
_SAMPLE = {
    "version": 1,
    "rule": "decision",
    "input": {"findings": [{"label": "SECRET.ApiKey", "score": 1.0}]},
}
Name = Annotated[str, PathParameter(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$", description="name of the policy")]
_Older = Annotated[int, QueryParameter(name="from", ge=1, le=2**31, description="the older version")]
_Newer = Annotated[int, QueryParameter(name="to", ge=1, le=2**31, description="the newer version")]
_READ = requires("policies:read")
_MANAGE = requires("policies:manage")
_CHANGES = faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)
_FINDS = faults(ErrorCode.NOT_FOUND)


class PoliciesController(Controller):
    """Versioned Rego of the tenant: what is uploaded is validated, kept, and in force once activated."""

    path = "/api/v1/policies"
    tags = ("policies",)

    @get("/", summary="The tenant's policies", guards=[_READ], responses=faults())
    async def list_policies(
        self,
        principal: Injected[Principal],
        change_policies: Injected[ChangePolicies],
        shared_policies: Injected[Mapping[str, PolicyProgram]],
    ) -> PolicyList:
        """List the tenant's own policies with what is in force, and those that every tenant has."""
        states = await change_policies.store.states(principal.tenant_id)
        shared = [
            SharedPolicyOut(one.name, one.version, one.description)
            for _, one in sorted(shared_policies.items())
        ]
        return PolicyList([state_out(one) for one in states], shared)

    @post("/", summary="Upload a version", guards=[_MANAGE], responses=faults(*BODY, ErrorCode.CONFLICT))
    async def upload(
        self,
        data: Annotated[PolicyIn, Body(examples=[Example(id="secrets", value=_EXAMPLE)])],
        request: Request[Any, Any, Any],
        principal: Injected[Principal],
        change_policies: Injected[ChangePolicies],
        idempotency: Injected[Idempotency],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[UploadedOut]:
        """Validate a version and keep it; 400 lists everything that is wrong, and nothing is kept then."""

        async def make(_: UUID) -> Response[UploadedOut]:
            bundle = bundle_of(data, principal.tenant_id)
            stored, verdict = await change_policies.upload(
                principal, bundle, repeatable=idempotency_key is not None
            )
            return Response(uploaded_out(stored, verdict), status_code=201)

        return await answered_once(idempotency, request, principal, idempotency_key, make)

    @get("/{name:str}/versions", summary="Versions of a policy", guards=[_READ], responses=faults())
    async def versions(
        self, name: Name, principal: Injected[Principal], change_policies: Injected[ChangePolicies]
    ) -> PolicyVersions:
        """List the newest versions, newest first; none for a policy that is not there."""
        found = await change_policies.store.versions(principal.tenant_id, name)
        return PolicyVersions([version_out(one) for one in found])

    @get("/{name:str}/versions/{version:int}", summary="One version", guards=[_READ], responses=_FINDS)
    async def version(
        self,
        name: Name,
        version: Annotated[int, PathParameter(ge=1, le=2**31)],
        principal: Injected[Principal],
        change_policies: Injected[ChangePolicies],
    ) -> PolicySourceOut:
        """Show Rego and data of one version."""
        stored = await change_policies.stored(principal.tenant_id, name, version)
        return PolicySourceOut(version_out(stored), dict(stored.bundle.modules), stored.bundle.data)

    @get("/{name:str}/diff", summary="Compare two versions", guards=[_READ], responses=_FINDS)
    async def diff(
        self,
        name: Name,
        older: _Older,
        newer: _Newer,
        principal: Injected[Principal],
        change_policies: Injected[ChangePolicies],
    ) -> PolicyDiff:
        """Show what changed, module by module."""
        return PolicyDiff(await change_policies.difference(principal.tenant_id, name, older, newer))

    @post(
        "/{name:str}/activate",
        status_code=200,
        summary="Put a version in force",
        guards=[_MANAGE],
        responses=_CHANGES,
    )
    async def activate(
        self,
        name: Name,
        data: Annotated[ActivateIn, Body(examples=[Example(id="first", value={"version": 1})])],
        principal: Injected[Principal],
        change_policies: Injected[ChangePolicies],
    ) -> PolicyStateOut:
        """Put a version in force, on every replica within a second; 0 takes the policy out of force."""
        return state_out(await change_policies.activate(principal, name, data.version))

    @post(
        "/{name:str}/rollback",
        status_code=200,
        summary="Go back to the version before",
        guards=[_MANAGE],
        responses=faults(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def roll_back(
        self, name: Name, principal: Injected[Principal], change_policies: Injected[ChangePolicies]
    ) -> PolicyStateOut:
        """Put the version before the active one in force; 409 when there was none."""
        return state_out(await change_policies.roll_back(principal, name))

    @post(
        "/{name:str}/dry-run",
        status_code=200,
        summary="Try a version on a sample",
        guards=[_READ],
        responses=faults(*BODY, ErrorCode.NOT_FOUND),
    )
    async def dry_run(
        self,
        name: Name,
        data: Annotated[DryRunIn, Body(examples=[Example(id="secret", value=_SAMPLE)])],
        principal: Injected[Principal],
        change_policies: Injected[ChangePolicies],
    ) -> DryRunOut:
        """Evaluate a rule of a stored version, in force or not, on a sample; nothing is kept of it."""
        stored = await change_policies.stored(principal.tenant_id, name, data.version)
        value, problem = await change_policies.try_out(stored.bundle, data.rule, data.input)
        return DryRunOut(value, problem)
