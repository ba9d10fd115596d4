"""Policies over the wire."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

import msgspec
from msgspec import Meta

from orchestration_svc.domain.policy_bundle import MODULE_BYTES_MAX, MODULES_MAX, PolicyBundle, Verdict
from orchestration_svc.domain.policy_changes import PolicyState, StoredPolicy
from orchestration_svc.domain.policy_program import JsonObject

PolicyName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,62}$(?!\n)")]
ModulePath = Annotated[str, Meta(min_length=1, max_length=300, pattern=r"^[a-z0-9_/.]*$(?!\n)")]
Source = Annotated[str, Meta(min_length=1, max_length=MODULE_BYTES_MAX)]
Version = Annotated[int, Meta(ge=0, le=2**31)]


class PolicyIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A new version of a policy: Rego v1 by path, and data that its rules see as ``data.bundle``."""

    name: PolicyName
    modules: Annotated[dict[ModulePath, Source], Meta(min_length=1, max_length=MODULES_MAX)]
    data: dict[str, object] = {}


class ActivateIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The version to put in force; 0 takes the policy out of force."""

    version: Version


class DryRunIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A sample for one rule of a stored version: what the rule would see as ``input``."""

    version: Annotated[int, Meta(ge=1, le=2**31)]
    input: dict[str, object]
    rule: Literal["plan", "decision"] = "plan"


class DryRunOut(msgspec.Struct, frozen=True):
    """What the rule said, or in ``problem`` why a request would have been denied."""

    value: object
    problem: str | None


class TestOut(msgspec.Struct, frozen=True):
    """One of the policy's own tests."""

    rule: str
    passed: bool


class UploadedOut(msgspec.Struct, frozen=True):
    """A version that was taken. It is valid, and not in force before it is activated."""

    name: str
    version: int
    digest: str
    tests: list[TestOut]


class PolicyStateOut(msgspec.Struct, frozen=True):
    """A policy of the tenant; ``previous`` is where a roll-back goes, null when nowhere."""

    name: str
    latest: int
    active: int | None
    previous: int | None
    changed_at: datetime | None


class SharedPolicyOut(msgspec.Struct, frozen=True):
    """A policy that every tenant has, unless one of its own has the same name."""

    name: str
    version: str
    description: str


class PolicyList(msgspec.Struct, frozen=True):
    """The tenant's policies, and those that every tenant has."""

    policies: list[PolicyStateOut]
    shared: list[SharedPolicyOut]


class PolicyVersionOut(msgspec.Struct, frozen=True):
    """What is known of one version."""

    name: str
    version: int
    digest: str
    created_at: datetime
    created_by: str


class PolicyVersions(msgspec.Struct, frozen=True):
    """The newest versions of one policy, newest first."""

    versions: list[PolicyVersionOut]


class PolicySourceOut(msgspec.Struct, frozen=True):
    """One version with its Rego and data."""

    policy: PolicyVersionOut
    modules: dict[str, str]
    data: dict[str, object]


class PolicyDiff(msgspec.Struct, frozen=True):
    """What changed between two versions: a unified diff for each module that differs."""

    changed: dict[str, str]


def bundle_of(body: PolicyIn, tenant_id: UUID) -> PolicyBundle:
    """Turn a body into a bundle."""
    data: JsonObject = body.data
    return PolicyBundle(tenant_id, body.name, body.modules, data)


def uploaded_out(stored: StoredPolicy, verdict: Verdict) -> UploadedOut:
    """Turn what was kept into its wire form."""
    tests = [TestOut(one.rule, one.passed) for one in verdict.tests]
    return UploadedOut(stored.bundle.name, stored.version, stored.bundle.digest, tests)


def state_out(state: PolicyState) -> PolicyStateOut:
    """Turn a policy's state into its wire form."""
    return PolicyStateOut(state.name, state.latest, state.active, state.previous, state.changed_at)


def version_out(stored: StoredPolicy) -> PolicyVersionOut:
    """Turn a version into its wire form."""
    bundle = stored.bundle
    return PolicyVersionOut(bundle.name, stored.version, bundle.digest, stored.created_at, stored.created_by)
