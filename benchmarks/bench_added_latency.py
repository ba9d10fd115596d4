"""What the orchestrator adds to the slowest of its detectors. The stack must be up.

Starts one more orchestration_svc on the stack's database, cache, mapper and analysis, whose only detectors
are fakes of known slowness in processes of their own, and asks the slowest of them directly for comparison.
Three tables: one of so many callers that each wait for their answer (a closed loop, which shows what a
request costs when everything is busy), the same by how slow the slowest detector is (which shows when that is
so), and one at an offered rate (an open loop, which shows what that load adds).
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import psutil
import uvloop

from benchmarks.load import Figures, measure, report, stack_token
from benchmarks.offered_load import Offered, measure_offered, report_offered
from deploy.local.guard import read_environment
from deploy.local.ports import free_ports
from deploy.local.settings import read_settings
from deploy.local.stack import open_stack
from orchestration_svc.adapters.http_calls import NotConnectedError
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient

DELAYS_MS = (5, 10, 15, 20)
SLOWEST_MS = (5, 20, 50, 100)
_OURS = "alt_profanity_check,detect_secrets,presidio_analyzer,prompt_guardrail"
_TEXT = "The tram stops at the old market."
_READY_S = 60
_WARM_UP = 20
_MOST_AT_ONCE = 512
_DIRECTLY = "slowest detector, asked directly"
_FOUR = "four detectors"


@contextmanager
def _running(*command: str, env: dict[str, str] | None = None) -> Iterator[psutil.Process]:
    process = subprocess.Popen([sys.executable, "-m", *command], env=env, stdout=subprocess.DEVNULL)  # noqa: S603 - ours
    try:
        yield psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True, slots=True)
class BySlowest:
    """The closed loop where the slowest detector takes so long; it is asked directly, and with the others.

    Attributes:
        slowest_ms: how long it takes.
        direct: what it took, asked directly.
        through: what four of which it is the slowest took through the orchestrator.
        worked_ms: of the orchestrator's processor time for each request.
    """

    slowest_ms: int
    direct: Figures
    through: Figures
    worked_ms: float


@dataclass(frozen=True, slots=True)
class Measured:
    """Rows of the closed loop, each with the orchestrator's milliseconds of work, and the other tables."""

    rows: list[tuple[Figures, float]]
    by_slowest: list[BySlowest]
    offered: list[Offered]


@asynccontextmanager
async def _orchestrator(token: str, detector_ports: list[int]) -> AsyncIterator[tuple[str, psutil.Process]]:
    (port,) = free_ports(1)
    detectors = [
        {"name": f"fake_{delay}_ms", "base_url": f"http://127.0.0.1:{own}", "detector_id": "fake"}
        for delay, own in zip(DELAYS_MS, detector_ports, strict=True)
    ]
    stack = open_stack(read_settings())
    env = (
        dict(os.environ)
        | read_environment(stack.run / "env" / "orchestration.env")
        | {
            "ORCHESTRATION_PORT": str(port),
            "ORCHESTRATION_METRICS_PORT": "0",
            "ORCHESTRATION_DISABLED_DETECTORS": _OURS,
            "ORCHESTRATION_HTTP_DETECTORS": json.dumps(detectors),
            "ORCHESTRATION_LOG_LEVEL": "WARNING",
            # The text is the same each time, and its detectors are to be asked.
            "ORCHESTRATION_RESPONSE_CACHE_S": "0",
        }
    )
    url = f"http://127.0.0.1:{port}"
    with _running("orchestration_svc", "serve", env=env) as process:
        async with httpx.AsyncClient(trust_env=False) as client:
            until = time.monotonic() + _READY_S
            while not await _answers(client, url, token):
                if time.monotonic() > until:
                    raise SystemExit("the orchestrator did not come up")
                await asyncio.sleep(0.2)
        yield url, process


async def _answers(client: httpx.AsyncClient, url: str, token: str) -> bool:
    try:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await client.post(
            f"{url}/api/v1/orchestrate", json={"content": _TEXT, "mode": "sync"}, headers=headers
        )
    except httpx.TransportError:
        return False
    return answer.status_code == httpx.codes.OK


def _asked(**more: bool) -> dict[str, object]:
    return {"content": _TEXT, "mode": "sync", **more}


async def _run(
    requests: int, concurrency: int, rates: Sequence[float], slowest_ms: Sequence[int]
) -> Measured:
    token, ports = stack_token(), free_ports(len(DELAYS_MS))
    fakes = [("benchmarks.chaos_detector", str(port)) for port in ports]
    with _running(*fakes[0]), _running(*fakes[1]), _running(*fakes[2]), _running(*fakes[3]):
        # At an offered rate as many are under way as there are; the closed loop never has more than its own.
        async with OutboundClient(AnyAddress(), max_connections=_MOST_AT_ONCE) as client:
            await _ordered(client, ports, DELAYS_MS, token)
            async with _orchestrator(token, ports) as (url, process):
                slowest = f"http://127.0.0.1:{ports[-1]}/api/v1/text/contents"
                asked = {
                    _DIRECTLY: (slowest, {"contents": [_TEXT]}),
                    _FOUR: (f"{url}/api/v1/orchestrate", _asked(auto_map=False)),
                    "and mapped": (f"{url}/api/v1/orchestrate", _asked(analyze=False)),
                    "and analysed": (f"{url}/api/v1/orchestrate", _asked()),
                }

                async def closed(name: str) -> tuple[Figures, float]:
                    to, body = asked[name]
                    before = _worked_s(process)
                    figures = await measure(
                        name,
                        lambda _: _post(client, to, token, body),
                        requests=requests,
                        concurrency=concurrency,
                        warm_up=_WARM_UP,
                    )
                    return figures, (_worked_s(process) - before) * 1000 / (requests + _WARM_UP)

                rows = [await closed(name) for name in asked]
                offered = [
                    await measure_offered(
                        name,
                        lambda _, to=to, body=body: _post(client, to, token, body),  # type: ignore[misc]
                        requests=requests,
                        rate=rate,
                    )
                    for rate in rates
                    for name, (to, body) in asked.items()
                ]
                by_slowest = []
                for slow in slowest_ms:
                    await _ordered(client, ports, [max(1, slow * part // 4) for part in (1, 2, 3, 4)], token)
                    direct, _ = await closed(_DIRECTLY)
                    by_slowest.append(BySlowest(slow, direct, *await closed(_FOUR)))
                return Measured(rows, by_slowest, offered)


async def _ordered(client: OutboundClient, ports: Sequence[int], delays: Sequence[int], token: str) -> None:
    for port, delay in zip(ports, delays, strict=True):
        await _once_it_is_up(client, f"http://127.0.0.1:{port}/behave/wait-{delay}", token)


@dataclass(frozen=True, slots=True)
class _Said:
    status_code: int


async def _post(client: OutboundClient, url: str, token: str, body: object) -> _Said:
    # The orchestrator's own light client: httpx would take more of the two cores than what is measured.
    answer = await client.call(
        "POST",
        url,
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
        body=json.dumps(body).encode(),
        timeout_s=30,
        max_bytes=1024 * 1024,
    )
    return _Said(answer.status)


async def _once_it_is_up(client: OutboundClient, url: str, token: str) -> None:
    until = time.monotonic() + _READY_S
    while True:
        try:
            await _post(client, url, token, {})
        except NotConnectedError:
            if time.monotonic() > until:
                raise
            await asyncio.sleep(0.1)
        else:
            return


def _worked_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return float(times.user + times.system)


def main() -> None:
    """Print the table, and what each row adds to the first."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000, help="for each row (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=16, help="at once (default: %(default)s)")
    parser.add_argument(
        "--rates",
        type=float,
        nargs="*",
        default=[50.0, 100.0],
        help="requests a second that are offered in the second table (default: 50 100)",
    )
    parser.add_argument(
        "--slowest",
        type=int,
        nargs="*",
        default=SLOWEST_MS,
        help="milliseconds of the slowest detector, a row each in the third table (default: 5 20 50 100)",
    )
    options = parser.parse_args()
    measured = uvloop.run(_run(options.requests, options.concurrency, options.rates, options.slowest))
    rows, offered = measured.rows, measured.offered
    report("added latency, closed loop: each caller waits for its answer", [figures for figures, _ in rows])
    direct = rows[0][0]
    for row, worked_ms in rows[1:]:
        p50, p95 = row.p50_ms - direct.p50_ms, row.p95_ms - direct.p95_ms
        print(
            f"{row.name}: + {p50:.1f} ms at p50, + {p95:.1f} ms at p95;"
            f" {worked_ms:.2f} ms of the orchestrator's processor time for each request"
        )
    _report_by_slowest(measured.by_slowest)
    if offered:
        print()
        report_offered("added latency, open loop: requests come at a rate, answered or not", offered)
    alone = {one.rate: one for one in offered if one.name == _DIRECTLY}
    for one in offered:
        if one.name != _DIRECTLY:
            p50, p95 = one.p50_ms - alone[one.rate].p50_ms, one.p95_ms - alone[one.rate].p95_ms
            print(f"{one.name}, {one.rate:.0f} a second: + {p50:.1f} ms at p50, + {p95:.1f} ms at p95")


def _report_by_slowest(rows: Sequence[BySlowest]) -> None:
    if not rows:
        return
    print("\nadded latency, closed loop, by how slow the slowest of four detectors is; milliseconds")
    print("slowest  added p50  added p95  per s  at once / per s  processor time")
    for row in rows:
        through = row.through
        print(
            f"{row.slowest_ms:>7}  {through.p50_ms - row.direct.p50_ms:>9.1f}"
            f"  {through.p95_ms - row.direct.p95_ms:>9.1f}  {through.per_second:>5.0f}"
            f"  {1000 * through.concurrency / through.per_second:>15.1f}  {row.worked_ms:>14.2f}"
        )
    print("Where processors are full, a request takes as many at once divided by those answered a second.")


if __name__ == "__main__":
    main()
