"""Uploaded Rego is hostile until proven: each way out is tried, and none gets anywhere."""

import os
from collections.abc import AsyncIterator, Mapping

import pytest

from orchestration_svc.adapters.policy_sandbox import PolicySandbox
from orchestration_svc.domain.policy_bundle import MODULE_BYTES_MAX, PolicyBundle
from orchestration_svc.domain.policy_changes import ChangePolicies, PolicyNews, PolicyStore
from orchestration_svc.domain.policy_program import PolicyFault
from tests.unit.orchestration_svc.fakes import TENANT

GOOD = """package policy

plan := {}

decision := {"action": "allow"}

test_it if decision.action == "allow"
"""


@pytest.fixture
async def sandbox() -> AsyncIterator[PolicySandbox]:
    engine = PolicySandbox(timeout_s=0.2, workers=1)
    engine.start()
    yield engine
    await engine.close()


class Unused(PolicyStore, PolicyNews):
    """Neither is reached by validating."""


def bundle(source: str, **more: str) -> PolicyBundle:
    return PolicyBundle(TENANT, "default", {"policy.rego": source, **more})


async def problems(sandbox: PolicySandbox, modules: Mapping[str, str], data: object = None) -> list[str]:
    assert data is None or isinstance(data, dict)
    changes = ChangePolicies(Unused(), sandbox, Unused())  # type: ignore[abstract]
    verdict = await changes.validate(PolicyBundle(TENANT, "default", modules, data or {}))
    return [f"{place}: {problem}" for place, problem in verdict.problems]


async def test_good_policy_has_no_problem(sandbox: PolicySandbox) -> None:
    assert await problems(sandbox, {"policy.rego": GOOD}) == []


@pytest.mark.parametrize(
    "call",
    [
        'http.send({"method": "get", "url": "http://169.254.169.254/"})',
        'net.lookup_ip_addr("example.com")',
        'net.cidr_expand("10.0.0.0/8")',
        "opa.runtime()",
        "time.now_ns()",
        'rand.intn("seed", 10)',
        'uuid.rfc4122("k")',
        'io.jwt.decode("a.b.c")',
        'crypto.md5("x")',
        'rego.parse_module("a", "package b")',
        'trace("x")',
        "print(1)",
        "numbers.range(1, 1000000000)",
        'regex.match("(a+)+$", "aaaaaaaaaaaaaaaaaaaaaaaaaaaa!")',
        'json.unmarshal("[1]")',
        "walk(input)",
        'nosuch("x")',
    ],
)
async def test_function_outside_the_closed_list_is_refused(sandbox: PolicySandbox, call: str) -> None:
    name = call.partition("(")[0]
    found = await problems(sandbox, {"policy.rego": f"{GOOD}\nx := {call}\n"})
    assert any(f"no policy may call '{name}'" in one for one in found), found


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("x := data", "can read data.policy and data.bundle only"),
        ("x := data.tenants", "can read data.policy and data.bundle only"),
        ('x := data["tenants"]', "can read data.policy and data.bundle only"),
        ("x := data[y] if y := input.z", "can read data.policy and data.bundle only"),
        ("x := [v | some k, v in data]", "can read data.policy and data.bundle only"),
        ("x := data.policy[y] if y := input.z", "rules are named"),
        ("x := data.policy", "rules are named"),
        ("x if plan with data.tenants as {}", "'with' can replace"),
        ("x if plan with data.policy.plan as {}", "'with' can replace"),
        ('x if count("a") == 1 with count as startswith', "'with' can replace"),
    ],
)
async def test_nothing_beyond_the_bundle_can_be_read_or_replaced(
    sandbox: PolicySandbox, rule: str, why: str
) -> None:
    found = await problems(sandbox, {"policy.rego": f"{GOOD}\n{rule}\n"})
    assert any(why in one for one in found), found


@pytest.mark.parametrize("package", ["system.authz", "policyx", "data.policy", "tenants.t_1.policy", "other"])
async def test_package_is_forced(sandbox: PolicySandbox, package: str) -> None:
    found = await problems(sandbox, {"policy.rego": GOOD, "b.rego": f"package {package}\n\nx := 1\n"})
    assert any("the package must be 'policy'" in one for one in found), found


@pytest.mark.parametrize(
    "imported", ["import data.tenants", "import data.policy.plan as count", "import data"]
)
async def test_import_cannot_widen_or_rename(sandbox: PolicySandbox, imported: str) -> None:
    source = GOOD.replace("package policy\n", f"package policy\n\n{imported}\n")
    assert any("an import is" in one for one in await problems(sandbox, {"policy.rego": source}))


@pytest.mark.parametrize(
    "modules",
    [
        {},
        {"../../etc/passwd.rego": GOOD},
        {"Policy.rego": GOOD},
        {"policy.txt": GOOD},
        {"policy.rego": GOOD + "#" * MODULE_BYTES_MAX},
        {"policy.rego": GOOD + "# " + "x" * 2_000},
        {"policy.rego": f"{GOOD}\nx := {'[' * 100}{']' * 100}\n"},
        {"policy.rego": GOOD + "\x00"},
        {f"m{number}.rego": GOOD for number in range(17)},
    ],
    ids=range(9),
)
async def test_shape_is_capped_before_anything_is_parsed(modules: dict[str, str]) -> None:
    assert await problems(PolicySandbox(timeout_s=0.1), modules) != []


@pytest.mark.parametrize(
    "spoilt",
    [
        GOOD.replace("plan := {}\n", ""),
        GOOD.replace("test_it", "tested"),
        GOOD.replace('"allow"', '"permit"', 1),
        GOOD + "\nx := 1 / 0\n",
        GOOD + "\nx := y\n",
        GOOD + "\nx := x\n",
        GOOD + "\nx := {\n",
        GOOD.replace("plan := {}", 'plan := {"coverage": {"threshold": 7}}'),
    ],
    ids=range(8),
)
async def test_what_cannot_work_is_refused(sandbox: PolicySandbox, spoilt: str) -> None:
    assert await problems(sandbox, {"policy.rego": spoilt}) != []


LOOPS = "x := count([1 | " + "; ".join(f"some a{n} in input.l" for n in range(8)) + "])"
GROWS = (
    'a0 := "xxxxxxxxxxxxxxxx"\n\n'
    + "\n\n".join(f'a{n + 1} := concat("", [a{n}, a{n}, a{n}, a{n}])' for n in range(30))
    + "\n\nx := count(a30)"
)


@pytest.mark.parametrize("source", [LOOPS, GROWS], ids=["loops", "grows"])
async def test_evaluation_without_end_is_ended_and_others_go_on(sandbox: PolicySandbox, source: str) -> None:
    hostile, given = bundle(f"package policy\n\n{source}\n"), {"l": list(range(100))}
    await sandbox.evaluate(bundle(GOOD), "decision", {})
    (before,) = sandbox.pids
    with pytest.raises(PolicyFault):
        await sandbox.evaluate(hostile, "x", given)
    assert await sandbox.evaluate(bundle(GOOD), "decision", {}) == {"action": "allow"}
    (after,) = sandbox.pids
    assert after != before
    with pytest.raises(PolicyFault, match="too long"):
        await sandbox.evaluate(hostile, "x", given)
    assert sandbox.pids == (after,), "what ended one process is not tried again at once"


async def test_worker_that_is_killed_is_replaced(sandbox: PolicySandbox) -> None:
    await sandbox.evaluate(bundle(GOOD), "decision", {})
    os.kill(sandbox.pids[0], 9)
    with pytest.raises(PolicyFault):
        await sandbox.evaluate(bundle(GOOD.replace("test_it", "test_other")), "decision", {})
    assert await sandbox.evaluate(bundle(GOOD), "decision", {}) == {"action": "allow"}
