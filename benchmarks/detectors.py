"""Measure the installed detectors as the service runs them: time per text, start, memory, overhead.

    python benchmarks/detectors.py [--calls N] [--json FILE]

Texts of three sizes are made of ordinary sentences with one e-mail address in each; no data files are needed.
The row "all together" is one request that runs every detector at once. The overhead is a worker's round trip
for a detector that does nothing. The reach of a detector is the longest such text that it answers three times
running in the time that a request of a priority leaves for detectors; the neighbour is a short text that
arrives while one of 64 KiB is under way.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from orchestration_svc.adapters.detector_fleet import build_fleet
from orchestration_svc.adapters.detector_host import ProcessDetector
from orchestration_svc.domain.detection import (
    Detector,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    DetectorStatus,
)
from orchestration_svc.domain.policy import Priority, budget_for
from orchestration_svc.domain.run_detectors import run_detectors

SIZES = {"200 characters": 200, "4 KiB": 4 * 1024, "64 KiB": 64 * 1024}
# A large text takes seconds; a tenth of the calls do.
LARGE = 60_000
SENTENCE = "Please write to person{n}@example.org about order {n}, which was late again last week. "


class NothingDetector:
    """Answers at once; what is left is the price of the worker."""

    name = "nothing"
    vendor = "nothing"
    version = "1"
    content_types = frozenset({"text/plain"})
    timeout_ms = 1_000

    def load(self) -> None:
        """Nothing to load."""

    def detect(self, text: str) -> DetectorOutput:
        """Find nothing."""
        del text
        return DetectorOutput([])


def make_text(size: int) -> str:
    """Ordinary sentences, no two alike, cut at ``size`` characters."""
    return "".join(SENTENCE.format(n=n) for n in range(size // 60 + 1))[:size]


def memory_mib(pids: Sequence[int]) -> float:
    """Proportional set size of the processes, so that shared pages count once."""
    total = 0
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        total += sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total / 1024


async def measure(detectors: Sequence[Detector], text: str, calls: int) -> dict[str, object]:
    """Milliseconds of ``calls`` requests, one after the other, that run all of ``detectors``."""
    times: list[float] = []
    statuses: set[str] = set()
    for _ in range(calls):
        start = time.perf_counter()
        results = await run_detectors(detectors, text, limit_s=60)
        times.append((time.perf_counter() - start) * 1000)
        statuses.update(result.status for result in results)
    ok = statuses == {DetectorStatus.SUCCESS}
    return {
        "p50_ms": statistics.median(times),
        "p95_ms": statistics.quantiles(times, n=20)[-1],
        "ok": ok,
    }


async def reach(detector: Detector, limit_s: float) -> int:
    """The longest text in characters that is covered, to 2 KiB, and at most 64 KiB."""
    covered, step = 0, 2 * 1024
    low, high = 0, SIZES["64 KiB"] // step
    while low <= high:
        middle = (low + high) // 2
        text = make_text(middle * step)
        results = [(await run_detectors([detector], text, limit_s=limit_s))[0] for _ in range(3)]
        if all(result.status is DetectorStatus.SUCCESS for result in results):
            covered, low = middle * step, middle + 1
        else:
            high = middle - 1
    return covered


async def neighbour_ms(detector: Detector, calls: int) -> list[float]:
    """Milliseconds of short texts, one after the other, each beside a text of 64 KiB."""
    times: list[float] = []
    for _ in range(calls):
        large = asyncio.create_task(run_detectors([detector], make_text(SIZES["64 KiB"]), limit_s=60))
        await asyncio.sleep(0.1)
        (small,) = await run_detectors([detector], make_text(SIZES["200 characters"]), limit_s=60)
        times.append(small.processing_time_ms)
        await large
    return times


async def run(calls: int) -> dict[str, object]:
    """Start the fleet, measure, close it."""
    own_path = str(Path(__file__).parent)
    sys.path.append(own_path)  # where the worker finds this module
    info = DetectorInfo("nothing", "nothing", "1", DetectorKind.PROCESS, frozenset({"text/plain"}), 1_000)
    nothing = ProcessDetector(info, "detectors:NothingDetector")
    fleet = build_fleet()
    start = time.perf_counter()
    fleet.start()
    nothing.start()
    await fleet.settled(120)
    await nothing.settled()
    figures: dict[str, object] = {"start_s": time.perf_counter() - start, "cores": os.cpu_count()}
    try:
        ready = [one for one in fleet.all() if one.health().worker_pids]
        figures["memory_mib"] = {one.info.name: memory_mib(one.health().worker_pids) for one in ready}
        rows: dict[str, list[Detector]] = {f"{one.info.name} {one.info.version}": [one] for one in ready}
        rows |= {"all together": list(ready), "overhead (does nothing)": [nothing]}
        figures["times"] = {
            title: {
                size: await measure(
                    group, make_text(length), max(5, calls // 10 if length > LARGE else calls)
                )
                for size, length in SIZES.items()
            }
            for title, group in rows.items()
        }
        figures["reach"] = {
            one.info.name: {
                priority: await reach(one, budget_for(priority, mapping=True, analysis=True).detectors_s)
                for priority in Priority
            }
            for one in ready
        }
        figures["neighbour_ms"] = {
            one.info.name: statistics.median(await neighbour_ms(one, max(3, calls // 20))) for one in ready
        }
    finally:
        await nothing.close()
        await fleet.close()
    return figures


def print_table(figures: dict[str, object]) -> None:
    """One row for each detector, p50 / p95 in milliseconds for each size."""
    print(f"started in {figures['start_s']:.1f} s on {figures['cores']} cores; p50 / p95 in ms")
    memory, times = figures["memory_mib"], figures["times"]
    assert isinstance(memory, dict)
    assert isinstance(times, dict)
    print(f"{'':32}" + "".join(f"{size:>20}" for size in SIZES) + f"{'MiB':>8}")
    for title, sizes in times.items():
        cells = "".join(
            f"{cell['p50_ms']:>10.1f} /{cell['p95_ms']:>7.1f}{' ' if cell['ok'] else '!'}"
            for cell in sizes.values()
        )
        held = memory.get(title.split()[0])
        print(f"{title:32}{cells}" + (f"{held:>8.0f}" if held else ""))
    print("! marks a row in which a call did not succeed")
    print("\nlongest text covered, KiB, by priority; and p50 in ms of a short text beside one of 64 KiB")
    reaches, neighbours = figures["reach"], figures["neighbour_ms"]
    assert isinstance(reaches, dict)
    assert isinstance(neighbours, dict)
    for name, sizes in reaches.items():
        cells = "".join(f"{priority:>12} {size // 1024:>3}" for priority, size in sizes.items())
        print(f"{name:24}{cells}{neighbours[name]:>12.0f}")


def main() -> None:
    """Measure, print the table, write the JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--calls", type=int, default=100, help="requests for each row and size")
    parser.add_argument("--json", help="file for the figures")
    args = parser.parse_args()
    figures = asyncio.run(run(args.calls))
    print_table(figures)
    if args.json:
        Path(args.json).write_text(json.dumps(figures, indent=2), encoding="utf-8")


if __name__ == "__main__":
    main()
