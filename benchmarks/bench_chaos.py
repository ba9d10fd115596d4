"""Chaos at 50 requests a second for 60 s on 8 detectors: ``python -m benchmarks.bench_chaos [SECONDS]``."""

import asyncio
import sys

from benchmarks.chaos_run import DETECTORS, ChaosReport, run_chaos


def main() -> int:
    """Run it and print the table; 1 when a request was lost, late or untrue, or one in a hundred got 502."""
    seconds = float(sys.argv[1]) if len(sys.argv) > 1 else 60.0
    report = asyncio.run(run_chaos(seconds=seconds, rate=50, fault_s=3.0))
    for name, value in _rows(report):
        print(f"{name:34} {value}")
    in_vain = report.without_any > report.sent / 100
    return 1 if report.lost or report.over_sla or report.untrue or in_vain else 0


def _rows(report: ChaosReport) -> list[tuple[str, object]]:
    return [
        ("requests sent", report.sent),
        ("answered", report.answered),
        ("502, no detector answered", report.without_any),
        ("lost", report.lost),
        ("over the SLA by more than 20 %", report.over_sla),
        ("untrue statuses", report.untrue),
        ("ms p50 / p95 / p99", " / ".join(f"{report.percentile(one):.1f}" for one in (0.5, 0.95, 0.99))),
        ("detector results by status", dict(report.statuses)),
        ("faults", dict(report.faults)),
        ("memory, MiB before / after", f"{report.rss_before >> 20} / {report.rss_after >> 20}"),
        (f"of {DETECTORS} back by themselves", report.back_again),
    ]


if __name__ == "__main__":
    sys.exit(main())
