"""Both engines give what the true evaluator of Open Policy Agent gives, case by case."""

import importlib.util
import json
import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from orchestration_svc.adapters.policy_opa import OpaEngine
from orchestration_svc.adapters.policy_sandbox import PolicySandbox
from orchestration_svc.domain.policy_builtins import BUILTINS
from orchestration_svc.domain.policy_bundle import PolicyBundle, PolicyEngine
from orchestration_svc.domain.policy_program import PolicyFault
from tests.unit.orchestration_svc.fakes import TENANT
from tests.unit.orchestration_svc.policies.cases import EXPRESSIONS, MODULES

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("opa_bindings") is None,
    reason="the oracle is not installed; the Makefile's .dev-installed shows how",
)
DATA = {"limits": {"high": 0.9}}
CASES = [(f"x := {expression}", given) for expression, given in EXPRESSIONS] + MODULES
NOTHING = "no value"


def bundle_of(rules: str) -> PolicyBundle:
    return PolicyBundle(TENANT, "case", {"policy.rego": f"package policy\n\n{rules}\n"}, DATA)


def oracle(rules: str, given: object) -> object:
    from opa_bindings import OpaEngine as TrueOpa  # noqa: PLC0415 - not installed everywhere
    from opa_bindings import OpaError  # noqa: PLC0415 - the same

    with TrueOpa() as engine:
        engine.add_policy("policy.rego", f"package policy\n\n{rules}\n")
        engine.add_data(DATA, "bundle")
        try:
            return engine.eval_document("policy.x", given)
        except OpaError as error:
            if error.code != "undefined":
                raise  # a case that OPA cannot compile is none
            return NOTHING


async def said(engine: PolicyEngine, rules: str, given: Any) -> object:
    try:
        return await engine.evaluate(bundle_of(rules), "x", given)
    except PolicyFault:
        # A builtin that fails denies here and has no value there: no answer either way.
        return NOTHING


def plain(value: object) -> str:
    """Return JSON in which 1 and 1.0 are the same number, as they are in Rego."""
    return json.dumps(
        json.loads(
            json.dumps(value),
            parse_float=lambda one: int(float(one)) if float(one).is_integer() else float(one),
        ),
        sort_keys=True,
    )


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    from tests.unit.orchestration_svc.policies.opa_server import OpaServer  # noqa: PLC0415 - needs the oracle

    with OpaServer() as running:
        yield running


@pytest.fixture
async def sandbox() -> AsyncIterator[PolicySandbox]:
    engine = PolicySandbox(timeout_s=1.0, workers=1)
    engine.start()
    yield engine
    await engine.close()


def test_there_are_a_hundred_cases_and_each_builtin_is_in_one() -> None:
    assert len(CASES) >= 100
    called = {name for rules, _ in CASES for name in re.findall(r"[a-z_.]+(?=\()", rules)}
    assert called >= BUILTINS


async def test_embedded_engine_agrees_with_the_oracle(sandbox: PolicySandbox) -> None:
    differing = [
        (rules, given, found, true)
        for rules, given in CASES
        if plain(found := await said(sandbox, rules, given)) != plain(true := oracle(rules, given))
    ]
    assert differing == []


async def test_fractions_are_binary_here_and_decimal_there(sandbox: PolicySandbox) -> None:
    """The one known difference that validation cannot refuse; the guide tells of it."""
    assert oracle("x := 0.1 + 0.2", {}) == 0.3
    assert await said(sandbox, "x := 0.1 + 0.2", {}) == pytest.approx(0.3)


async def test_remote_engine_agrees_with_the_oracle(sandbox: PolicySandbox, server: Any) -> None:
    async with httpx.AsyncClient() as client:
        engine = OpaEngine(client, url=server.url, token="", sandbox=sandbox, timeout_s=5.0)
        differing = []
        for rules, given in CASES:
            server.lose_everything()
            found, true = await said(engine, rules, given), oracle(rules, given)
            if plain(found) != plain(true):
                differing.append((rules, given, found, true))
    assert differing == []


async def test_remote_engine_loads_again_what_a_restarted_server_lost(
    sandbox: PolicySandbox, server: Any
) -> None:
    async with httpx.AsyncClient() as client:
        engine = OpaEngine(client, url=server.url, token="", sandbox=sandbox, timeout_s=5.0)
        assert await said(engine, "x := 1", {}) == 1
        server.lose_everything()
        assert await said(engine, "x := 1", {}) == 1


async def test_remote_policy_stands_below_its_tenants_own_path(sandbox: PolicySandbox, server: Any) -> None:
    server.lose_everything()
    async with httpx.AsyncClient() as client:
        engine = OpaEngine(client, url=server.url, token="", sandbox=sandbox, timeout_s=5.0)
        assert await said(engine, "y := data.bundle.limits.high\n\nx := data.policy.y", {}) == 0.9
    (source,) = server.policies.values()
    assert source.startswith(f"package tenants.t_{TENANT.hex}.b_")
    assert re.findall(r"data\.(\w+)", source) == ["tenants", "tenants"]


async def test_remote_server_that_hangs_or_is_gone_denies(sandbox: PolicySandbox, server: Any) -> None:
    async with httpx.AsyncClient() as client:
        engine = OpaEngine(client, url=server.url, token="", sandbox=sandbox, timeout_s=0.2)
        assert await said(engine, "x := 2", {}) == 2
        server.hang()
        with pytest.raises(PolicyFault, match="too long"):
            await engine.evaluate(bundle_of("x := 2"), "x", {})
        gone = OpaEngine(client, url="http://127.0.0.1:1", token="", sandbox=sandbox, timeout_s=0.2)
        with pytest.raises(PolicyFault, match="does not answer"):
            await gone.evaluate(bundle_of("x := 2"), "x", {})
