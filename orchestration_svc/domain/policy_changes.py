"""The use cases of the policies resource: upload, activate, go back, try, compare."""

import difflib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol
from uuid import UUID

from orchestration_svc.domain.access import Principal
from orchestration_svc.domain.coverage import required_set
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.policy_bundle import (
    PolicyBundle,
    PolicyEngine,
    TestOutcome,
    Verdict,
    fact_problems,
    shape_problems,
    tests_of,
)
from orchestration_svc.domain.policy_conflicts import Resolution
from orchestration_svc.domain.policy_decision import decision_question, ruling_of
from orchestration_svc.domain.policy_plan import PolicyDeniesError, plan_of
from orchestration_svc.domain.policy_program import JsonObject, NoValueError, PlanQuestion, PolicyFault

VERSIONS_MAX = 1_000
_FAULTS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class StoredPolicy:
    """One version of a tenant's policy; versions are never changed.

    Attributes:
        bundle: Rego and data.
        version: counted from 1 for each name.
        created_at: when, UTC.
        created_by: token id of who uploaded it.
    """

    bundle: PolicyBundle
    version: int
    created_at: datetime
    created_by: str


@dataclass(frozen=True, slots=True)
class PolicyState:
    """One policy of a tenant, by name.

    Attributes:
        name: how a request asks for it.
        latest: newest version.
        active: the version in force; None when none is.
        previous: the one before it, to which a roll-back goes; None when there was none.
        changed_at: when `active` last changed, UTC.
    """

    name: str
    latest: int
    active: int | None
    previous: int | None
    changed_at: datetime | None


class PolicyStore(Protocol):
    """Keeps every version of every tenant's policies. Each call raises StorageUnavailableError."""

    async def add(self, bundle: PolicyBundle, *, actor: str) -> StoredPolicy:
        """Add the next version and its audit event, both or neither; CONFLICT when there are too many."""
        ...

    async def get(self, tenant_id: UUID, name: str, version: int) -> StoredPolicy | None:
        """Return one version, or None."""
        ...

    async def versions(self, tenant_id: UUID, name: str) -> Sequence[StoredPolicy]:
        """Return the newest versions of a policy, newest first."""
        ...

    async def states(self, tenant_id: UUID) -> Sequence[PolicyState]:
        """Return the tenant's policies by name."""
        ...

    async def active(self, tenant_id: UUID) -> Mapping[str, int]:
        """Return the versions in force, by name."""
        ...

    async def activate(self, tenant_id: UUID, name: str, version: int | None, *, actor: str) -> PolicyState:
        """Put a version in force, or none, with its audit event; NOT_FOUND for one that is not there."""
        ...

    async def roll_back(self, tenant_id: UUID, name: str, *, actor: str) -> PolicyState:
        """Put the version before the active one in force; CONFLICT when there was none."""
        ...


class PolicyNews(Protocol):
    """Tells every process of this service that a tenant's policies changed."""

    async def changed(self, tenant_id: UUID) -> None:
        """Make the change hold here at once, elsewhere soon; never fails."""
        ...


class ChangePolicies:
    """Changes policies of the caller's tenant. What is invalid is never stored, so it can never be active."""

    def __init__(self, store: PolicyStore, engine: PolicyEngine, news: PolicyNews) -> None:
        self._store = store
        self._engine = engine
        self._news = news

    @property
    def store(self) -> PolicyStore:
        """Where the versions are, for reading."""
        return self._store

    async def upload(
        self, caller: Principal, bundle: PolicyBundle, *, repeatable: bool = False
    ) -> tuple[StoredPolicy, Verdict]:
        """Validate and keep as the next version; it is not active yet.

        Args:
            caller: who uploads it.
            bundle: Rego and data.
            repeatable: whether the newest version may be this one already: what the caller uploaded and died
                before hearing of is then returned.

        Raises:
            ServiceError: INVALID_REQUEST naming everything that is wrong with it.
        """
        verdict = await self.validate(bundle)
        if not verdict.is_valid:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST,
                "the policy is not valid; nothing was stored",
                faults=verdict.problems[:_FAULTS_SHOWN],
            )
        if repeatable:
            newest = next(iter(await self._store.versions(bundle.tenant_id, bundle.name)), None)
            if newest and (newest.bundle.digest, newest.created_by) == (bundle.digest, caller.token_id):
                return newest, verdict
        return await self._store.add(bundle, actor=caller.token_id), verdict

    async def validate(self, bundle: PolicyBundle) -> Verdict:
        """Check sizes, syntax, calls, references, each rule once, both answers, and its own tests."""
        if problems := shape_problems(bundle.modules, bundle.data):
            return Verdict(tuple(problems))
        try:
            facts = await self._engine.inspect(bundle)
        except PolicyFault as fault:
            return Verdict((("modules", str(fault)),))
        if problems := fact_problems(facts):
            return Verdict(tuple(problems))
        tests = set(tests_of(facts))
        for rule in facts.rules:
            if rule not in tests and (problem := await self._evaluated(bundle, rule)):
                problems.append((rule, problem))
        problems += await self._answered(bundle)
        outcomes = [await self._tested(bundle, rule) for rule in sorted(tests)]
        problems += [(one.rule, f"its test fails: {one.problem}") for one in outcomes if not one.passed]
        return Verdict(tuple(problems), tuple(outcomes))

    async def activate(self, caller: Principal, name: str, version: int) -> PolicyState:
        """Put a version in force; 0 takes the policy out of force."""
        state = await self._store.activate(caller.tenant_id, name, version or None, actor=caller.token_id)
        await self._news.changed(caller.tenant_id)
        return state

    async def roll_back(self, caller: Principal, name: str) -> PolicyState:
        """Put the version before the active one in force."""
        state = await self._store.roll_back(caller.tenant_id, name, actor=caller.token_id)
        await self._news.changed(caller.tenant_id)
        return state

    async def stored(self, tenant_id: UUID, name: str, version: int) -> StoredPolicy:
        """Return one version; ServiceError NOT_FOUND."""
        found = await self._store.get(tenant_id, name, version)
        if found is None:
            raise ServiceError(
                ErrorCode.NOT_FOUND, "there is no such version of this policy", field="version"
            )
        return found

    async def try_out(self, bundle: PolicyBundle, rule: str, sample: JsonObject) -> tuple[object, str | None]:
        """Return what a rule says to a sample, or what went wrong."""
        try:
            return await self._engine.evaluate(bundle, rule, sample), None
        except PolicyFault as fault:
            return None, str(fault)

    async def difference(self, tenant_id: UUID, name: str, older: int, newer: int) -> dict[str, str]:
        """Return what changed between two versions, module by module, as unified diffs."""
        before = _texts((await self.stored(tenant_id, name, older)).bundle)
        after = _texts((await self.stored(tenant_id, name, newer)).bundle)
        changed: dict[str, str] = {}
        for path in sorted({*before, *after}):
            lines = difflib.unified_diff(
                before.get(path, "").splitlines(keepends=True),
                after.get(path, "").splitlines(keepends=True),
                f"{path}@{older}",
                f"{path}@{newer}",
            )
            if text := "".join(lines):
                changed[path] = text
        return changed

    async def _evaluated(self, bundle: PolicyBundle, rule: str) -> str | None:
        try:
            await self._engine.evaluate(bundle, rule, {})
        except NoValueError:
            return None  # most rules have none for an empty input
        except PolicyFault as fault:
            return str(fault)
        return None

    async def _answered(self, bundle: PolicyBundle) -> list[tuple[str, str]]:
        """Put both questions as for a plain text in which nothing was found, and read the answers."""
        question = PlanQuestion(bundle.name, "text/plain", "input", 1, "NORMAL", (), None).as_json()
        place = "data.policy.plan"
        try:
            policy = plan_of(
                await self._engine.evaluate(bundle, "plan", question), name=bundle.name, version="0"
            )
            place = "data.policy.decision"
            coverage = required_set((), ("any",), threshold=policy.coverage_threshold)
            asked = decision_question(question, (), coverage, Resolution(()), mapped=True)
            answer = await self._engine.evaluate(bundle, "decision", asked)
            ruling_of(answer)
        except PolicyDeniesError:
            return []  # a policy that refuses plain text altogether is a policy
        except PolicyFault as fault:
            return [(place, str(fault))]
        return []

    async def _tested(self, bundle: PolicyBundle, rule: str) -> TestOutcome:
        try:
            value = await self._engine.evaluate(bundle, rule, {})
        except PolicyFault as fault:
            return TestOutcome(rule, passed=False, problem=str(fault))
        return TestOutcome(rule, passed=value is True, problem="" if value is True else "it is not true")


def _texts(bundle: PolicyBundle) -> dict[str, str]:
    return {**bundle.modules, "data.json": json.dumps(bundle.data, indent=2, sort_keys=True) + "\n"}
