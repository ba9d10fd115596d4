"""Drive an HTTP endpoint and sum up what it did; used by the bench_* commands."""

import asyncio
import json
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from deploy.local.demo_tenant import mint_token
from deploy.local.settings import read_settings
from deploy.local.stack import open_stack


class Answered(Protocol):
    """What a call came back with."""

    @property
    def status_code(self) -> int:
        """HTTP's."""
        ...


@dataclass(frozen=True, slots=True)
class Figures:
    """One row of a table; times in milliseconds as the client saw them, loopback included."""

    name: str
    requests: int
    concurrency: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    per_second: float
    statuses: dict[str, int]


def percentile(values: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of ``values``; share in (0, 1]."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share * 1000) // 1000) - 1)]


async def measure(
    name: str,
    call: Callable[[int], Awaitable[Answered]],
    *,
    requests: int,
    concurrency: int,
    warm_up: int = 10,
) -> Figures:
    """Call ``requests`` times, ``concurrency`` at once, after a warm-up that does not count."""
    for number in range(warm_up):
        await call(number)
    numbers = iter(range(requests))
    times: list[float] = []
    statuses: Counter[str] = Counter()

    async def worker() -> None:
        for number in numbers:
            started = time.perf_counter()
            response = await call(number)
            times.append((time.perf_counter() - started) * 1000)
            statuses[str(response.status_code)] += 1

    started = time.perf_counter()
    await asyncio.gather(*(worker() for _ in range(concurrency)))
    elapsed = time.perf_counter() - started
    return Figures(
        name=name,
        requests=requests,
        concurrency=concurrency,
        p50_ms=round(percentile(times, 0.5), 2),
        p95_ms=round(percentile(times, 0.95), 2),
        p99_ms=round(percentile(times, 0.99), 2),
        max_ms=round(max(times), 2),
        per_second=round(requests / elapsed, 1),
        statuses=dict(statuses),
    )


def stack_token() -> str:
    """Return a token of the demo tenant for the stack that is up, or LLAMA_MAPPER_TOKEN when set."""
    return os.environ.get("LLAMA_MAPPER_TOKEN") or mint_token(open_stack(read_settings()))


def stack_url(service: str) -> str:
    """Return the base URL of a service of the stack that is up."""
    return open_stack(read_settings()).endpoints.api_url(service)


def machine() -> str:
    """Say on what this runs."""
    return f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"


def report(title: str, rows: Sequence[Figures]) -> None:
    """Print the table, then the same as one line of JSON."""
    print(f"{title} ({machine()})")
    width = max(len(row.name) for row in rows)
    print(f"{'':<{width}}  requests  at once      p50      p95      p99      max     per s  answers")
    for row in rows:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(row.statuses.items()))
        print(
            f"{row.name:<{width}}  {row.requests:>8}  {row.concurrency:>7}  {row.p50_ms:>7}  {row.p95_ms:>7}"
            f"  {row.p99_ms:>7}  {row.max_ms:>7}  {row.per_second:>8}  {answers}"
        )
    json.dump({"title": title, "machine": machine(), "rows": [asdict(row) for row in rows]}, sys.stdout)
    print()
