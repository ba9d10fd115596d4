"""Throughput beside LiteLLM's proxy and NeMo Guardrails' server, same regexes. The stack must be up.

Each server is one process and is asked on its shortest way: text in, verdict out, no model behind it. Ours
authenticates, limits, decides by policy, contains its detector in a process of its own and counts meanwhile.
The servers take turns in several rounds, so that what else the machine does meets all of them alike. Before
the first round all must find the same in the same texts.
"""

import argparse
import asyncio
import json
import os
import platform
import signal
import statistics
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.compare.regexes import IS_FOUND, TEXTS
from benchmarks.compare.servers import Compared, all_servers
from benchmarks.load import percentile
from orchestration_svc.adapters.http_calls import HttpAnswer
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient

_MAX_BYTES = 1024 * 1024
_TIMEOUT_S = 60.0
_WARM_UP = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One server: medians over the rounds; times in milliseconds, as the client saw them.

    ``processor_ms`` is the processor time of the server's processes for each request.
    """

    name: str
    requests: int
    per_second: float
    p50_ms: float
    p95_ms: float
    processor_ms: float
    statuses: dict[str, int]


@dataclass(frozen=True, slots=True)
class _Round:
    per_second: float
    times: list[float]
    processor_ms: float
    statuses: Counter[str]


async def _ask(client: OutboundClient, server: Compared, text: str) -> HttpAnswer:
    return await client.call(
        "POST",
        server.url,
        headers={"Content-Type": "application/json", **server.headers},
        body=json.dumps(server.question(text)).encode(),
        timeout_s=_TIMEOUT_S,
        max_bytes=_MAX_BYTES,
    )


async def _check(client: OutboundClient, server: Compared) -> None:
    for text, expected in zip(TEXTS, IS_FOUND, strict=True):
        answer = await _ask(client, server, text)
        if server.found(text, answer.status, json.loads(answer.body)) is not expected:
            raise SystemExit(
                f"{server.name} found {'nothing' if expected else 'something'} in {text[-60:]!r}"
            )


async def _round(client: OutboundClient, server: Compared, requests: int, at_once: int) -> _Round:
    for number in range(_WARM_UP):
        await _ask(client, server, TEXTS[number % len(TEXTS)])
    numbers = iter(range(requests))
    times: list[float] = []
    statuses: Counter[str] = Counter()

    async def worker() -> None:
        for number in numbers:
            started = time.perf_counter()
            answer = await _ask(client, server, TEXTS[number % len(TEXTS)])
            times.append((time.perf_counter() - started) * 1000)
            statuses[str(answer.status)] += 1

    worked, started = server.worked_s(), time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(at_once)))
    elapsed = time.perf_counter() - started
    return _Round(requests / elapsed, times, (server.worked_s() - worked) * 1000 / requests, statuses)


async def _run(servers: Sequence[Compared], *, requests: int, at_once: int, rounds: int) -> list[Row]:
    gone: dict[str, list[_Round]] = {server.name: [] for server in servers}
    async with OutboundClient(AnyAddress(), max_connections=at_once) as client:
        for server in servers:
            await _check(client, server)
        for _ in range(rounds):
            for server in servers:
                gone[server.name].append(await _round(client, server, requests, at_once))
    return [
        Row(
            name,
            requests * rounds,
            round(statistics.median(one.per_second for one in each), 1),
            round(statistics.median(percentile(one.times, 0.5) for one in each), 2),
            round(statistics.median(percentile(one.times, 0.95) for one in each), 2),
            round(statistics.median(one.processor_ms for one in each), 2),
            dict(sum((one.statuses for one in each), Counter[str]())),
        )
        for name, each in gone.items()
    ]


def main() -> None:
    """Print the table, and the same as one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1_000, help="for each round (default: %(default)s)")
    parser.add_argument("--concurrency", type=int, default=16, help="at once (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=3, help="of each server (default: %(default)s)")
    parser.add_argument("--litellm", type=Path, default=Path(".venv-litellm-proxy/bin/python"))
    parser.add_argument("--nemo", type=Path, default=Path(".venv-nemo/bin/python"))
    options = parser.parse_args()
    for python in (options.litellm, options.nemo):
        if not python.exists():
            sys.exit(f"{python} is not there: `make compared` installs it")
    # Whoever ends this ends the servers, too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    with (
        tempfile.TemporaryDirectory() as folder,
        all_servers(options.litellm.absolute(), options.nemo.absolute(), Path(folder)) as servers,
    ):
        rows = asyncio.run(
            _run(servers, requests=options.requests, at_once=options.concurrency, rounds=options.rounds)
        )
    _report(rows, options.concurrency)


def _report(rows: Sequence[Row], at_once: int) -> None:
    machine = f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    print(f"the same regexes, {at_once} at once ({machine})")
    width = max(len(row.name) for row in rows)
    print(f"{'':<{width}}  requests     per s  of ours     p50     p95  processor ms  answers")
    for row in rows:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(row.statuses.items()))
        print(
            f"{row.name:<{width}}  {row.requests:>8}  {row.per_second:>8}"
            f"  {rows[0].per_second / row.per_second:>6.1f}x  {row.p50_ms:>6}  {row.p95_ms:>6}"
            f"  {row.processor_ms:>12}  {answers}"
        )
    json.dump({"machine": machine, "at_once": at_once, "rows": [asdict(row) for row in rows]}, sys.stdout)
    print()


if __name__ == "__main__":
    main()
