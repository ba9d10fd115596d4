"""How long a mapping through the model takes, cache cold and warm, for each engine that is installed.

The stack must be up. A model server and a mapper of their own are started for each engine beside it, with its
release, database, cache and keys. Cold: a label that nobody has asked for yet. Warm: the same labels again.
"""

import argparse
import asyncio
import itertools
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx

from benchmarks.load import Figures, measure, report, stack_token
from benchmarks.model_server import ENGINES, NotServedError, Served, served
from benchmarks.unknown_labels import unknown_labels
from deploy.local.settings import read_settings
from deploy.local.stack import open_stack

_DETECTOR = "openai_moderation"
_WARM_LABELS = 32
_MOST_WITHOUT = 0.2
"""Share of answers that may do without the model; with more of them it is not the model that is measured."""


class _Tiers:
    """Counts which tier each finding came from, the answers, and those that had to do without the model."""

    def __init__(self) -> None:
        self.findings: Counter[str] = Counter()
        self.without = 0
        self.answers = 0

    def count(self, response: httpx.Response) -> httpx.Response:
        if response.is_success:
            body = response.json()
            self.answers += 1
            # One that it was not sure of was its answer all the same.
            self.without += any("model was not heard" in finding["notes"] for finding in body["findings"])
            self.findings.update(finding["tier"] for finding in body["findings"])
        return response


async def _drive(engine: str, under: Served, token: str, requests: int, tiers: _Tiers) -> list[Figures]:
    url = f"{under.mapper}/api/v1/map"
    fresh = unknown_labels(time.time_ns() // 1_000_000 % 1_000_000_000)
    known = [next(fresh) for _ in range(_WARM_LABELS)]
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    ) as client:

        async def row(name: str, labels: Iterator[str], number: int, at_once: int, warm_up: int) -> Figures:
            before = tiers.without

            async def ask(_: int) -> httpx.Response:
                body = {"detector": _DETECTOR, "output": next(labels)}
                return tiers.count(await client.post(url, json=body))

            full = f"{engine}, {name}"
            found = await measure(full, ask, requests=number, concurrency=at_once, warm_up=warm_up)
            print(f"{full}, {at_once} at once: {tiers.without - before} answers without the model")
            return found

        rows = [await row("cold", fresh, requests, at_once, 5) for at_once in (1, 8)]
        # Asked one by one before, so that each is in the cache.
        again = itertools.cycle(known)
        rows += [await row("warm", again, requests * 2, at_once, 2 * _WARM_LABELS) for at_once in (1, 8)]
        return rows


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="for each cold row (default: %(default)s)")
    parser.add_argument("--engine", choices=sorted(ENGINES), action="append", help="only this one")
    options = parser.parse_args()
    stack, token = open_stack(read_settings()), stack_token()
    rows: list[Figures] = []
    for engine in options.engine or ENGINES:
        if not (ENGINES[engine] / "bin" / "python").exists():
            how = "make model" if engine == "transformers" else "make test-vllm"
            print(f"{engine}: left out, there is no {ENGINES[engine].name} (`{how}` makes it)")
            continue
        tiers = _Tiers()
        # Kept, for its logs say why an engine was left out.
        logs = Path(tempfile.mkdtemp(prefix="bench-model-"))
        try:
            with served(stack, engine, logs) as under:
                said = f"ready after {under.start_seconds:.1f} s, {under.memory_mb:.0f} MB"
                print(f"{engine}: {under.version}; {said}")
                found = asyncio.run(_drive(engine, under, token, options.requests, tiers))
        except NotServedError as error:
            print(f"{engine}: left out, {error}")
            continue
        print(f"{engine}: findings by tier {dict(tiers.findings)}, {tiers.without} answers without the model")
        if tiers.without > tiers.answers * _MOST_WITHOUT:
            # Where a version has been deployed, the mapper asks where that one is served, and not here.
            print(f"{engine}: left out, the model was not what answered; see {logs}. Take a stack of its own")
            continue
        rows += found
    if not rows:
        raise SystemExit("no engine was measured")
    report("POST /api/v1/map, one unknown label each: per s are findings per second", rows)


if __name__ == "__main__":
    main()
