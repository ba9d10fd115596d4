"""How long evaluating a policy takes: in this process, and for a tenant's in one that can be ended.

`python -m benchmarks.bench_policy [ROUNDS]` prints a table; it needs no running stack.
"""

import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from uuid import UUID

import uvloop

from orchestration_svc.adapters.policy_sandbox import PolicySandbox
from orchestration_svc.adapters.policy_shipped import SHIPPED, read_shipped
from orchestration_svc.domain.policy_bundle import PolicyBundle
from orchestration_svc.domain.policy_decision import Ruling, ruling_of
from orchestration_svc.domain.policy_memory import PolicyMemory, asked
from orchestration_svc.domain.policy_program import JsonObject, PolicyProgram

_WARM_UP = 200


def _question() -> JsonObject:
    detectors = [{"name": f"detector_{n}", "vendor": "v", "version": "1", "state": "ready"} for n in range(8)]
    findings = [
        {"label": label, "score": 0.9, "confidence": 1.0, "detectors": ["detector_1"], "occurrences": 1}
        for label in ("PII.Contact.Email", "PII.Person.Name", "HARM.SPEECH.Hate")
    ]
    return {
        "policy": "strict",
        "content_type": "text/plain",
        "direction": "input",
        "content_bytes": 500,
        "priority": "NORMAL",
        "detectors": detectors,
        "wanted": None,
        "mapped": True,
        "findings": findings,
        "results": [{"detector": one["name"], "status": "success"} for one in detectors],
        "coverage": {"achieved": 1.0, "threshold": 0.8, "enough": True, "missing": []},
    }


async def _measure(name: str, rounds: int, call: Callable[[], Awaitable[object]]) -> None:
    for _ in range(_WARM_UP):
        await call()
    took, worked = [], []
    for _ in range(rounds):
        begun, begun_work = time.perf_counter(), time.thread_time()
        await call()
        worked.append((time.thread_time() - begun_work) * 1e6)
        took.append((time.perf_counter() - begun) * 1e6)
    cuts = statistics.quantiles(took, n=100)
    print(f"{name:34} {cuts[49]:9.0f} {cuts[94]:9.0f} {cuts[98]:9.0f} {statistics.median(worked):12.0f}")


def _remembered(program: PolicyProgram, question: JsonObject) -> Callable[[], Awaitable[object]]:
    memory: PolicyMemory[Ruling] = PolicyMemory()

    async def decide() -> object:
        put = asked(program, question)
        return memory.recall(put.key) or memory.learn(put.key, await program.decide(put.question), ruling_of)

    return decide


async def _run(rounds: int) -> None:
    question = _question()
    shipped = read_shipped()["strict"]
    modules = {path.name: path.read_text("utf-8") for path in (SHIPPED / "strict").glob("*.rego")}
    bundle = PolicyBundle(UUID(int=1), "strict", modules)
    sandbox = PolicySandbox(timeout_s=1.0)
    sandbox.start()
    title = f"microseconds, {rounds} rounds"
    print(f"{title:34} {'p50':>9} {'p95':>9} {'p99':>9} {'own work p50':>12}")
    # As a request puts it: without what the policy does not read.
    seen = asked(shipped, question).question
    await _measure("strict: plan, in process", rounds, lambda: shipped.plan(seen))
    await _measure("strict: decision, in process", rounds, lambda: shipped.decide(seen))
    await _measure("strict: decision, remembered", rounds, _remembered(shipped, question))
    await _measure("the same as a tenant's: plan", rounds, lambda: sandbox.evaluate(bundle, "plan", seen))
    await _measure(
        "the same as a tenant's: decision", rounds, lambda: sandbox.evaluate(bundle, "decision", seen)
    )
    await sandbox.close()


if __name__ == "__main__":
    uvloop.run(_run(int(sys.argv[1]) if len(sys.argv) > 1 else 3_000))
