"""Drive an endpoint at an offered rate: requests come when they are due, earlier ones answered or not.

That is the other half of `load.measure`, whose callers each wait for their answer before they ask again, so
that a slow server is asked less. Neither figure stands for the other.
"""

import asyncio
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass

from benchmarks.load import Answered, machine, percentile

_SEED = 7


@dataclass(frozen=True, slots=True)
class Offered:
    """One row of a table; times in milliseconds from the moment at which a request was due.

    Attributes:
        name: what was asked.
        requests: how many.
        rate: how many a second were due, on average.
        p50_ms: as all times, with what a request waited because the client itself was late.
        p95_ms: likewise.
        p99_ms: likewise.
        max_ms: likewise.
        per_second: how many a second were answered.
        most_at_once: requests under way at once.
        statuses: of HTTP, and how many of each.
    """

    name: str
    requests: int
    rate: float
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float
    per_second: float
    most_at_once: int
    statuses: dict[str, int]


async def measure_offered(
    name: str, call: Callable[[int], Awaitable[Answered]], *, requests: int, rate: float
) -> Offered:
    """Call ``requests`` times, ``rate`` a second, at times as of callers who know nothing of each other."""
    between = random.Random(_SEED)  # noqa: S311 - the same times in each run
    times: list[float] = []
    statuses: Counter[str] = Counter()
    under_way = most = 0

    async def one(number: int, due: float) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        try:
            response = await call(number)
        finally:
            under_way -= 1
        times.append((time.perf_counter() - due) * 1000)
        statuses[str(response.status_code)] += 1

    started = due = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        for number in range(requests):
            due += between.expovariate(rate)
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            group.create_task(one(number, due))
    return Offered(
        name=name,
        requests=requests,
        rate=rate,
        p50_ms=round(percentile(times, 0.5), 2),
        p95_ms=round(percentile(times, 0.95), 2),
        p99_ms=round(percentile(times, 0.99), 2),
        max_ms=round(max(times), 2),
        per_second=round(requests / (time.perf_counter() - started), 1),
        most_at_once=most,
        statuses=dict(statuses),
    )


def report_offered(title: str, rows: Sequence[Offered]) -> None:
    """Print the table, then the same as one line of JSON."""
    print(f"{title} ({machine()})")
    width = max(len(row.name) for row in rows)
    print(f"{'':<{width}}  requests  offered/s      p50      p95      p99      max  most at once  answers")
    for row in rows:
        answers = ", ".join(f"{count} x {status}" for status, count in sorted(row.statuses.items()))
        print(
            f"{row.name:<{width}}  {row.requests:>8}  {row.rate:>9.0f}  {row.p50_ms:>7}  {row.p95_ms:>7}"
            f"  {row.p99_ms:>7}  {row.max_ms:>7}  {row.most_at_once:>12}  {answers}"
        )
    json.dump({"title": title, "machine": machine(), "rows": [asdict(row) for row in rows]}, sys.stdout)
    print()
