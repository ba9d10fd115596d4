"""How long a whole request takes: detectors, mapping, analysis and evidence. The stack must be up."""

import argparse
import asyncio
import itertools
import time
from collections.abc import Callable

import httpx

from benchmarks.load import Figures, measure, report, stack_token, stack_url
from deploy.local.demo import TEXT

_LONG = 4096


async def _run(requests: int) -> list[Figures]:
    token, url = stack_token(), f"{stack_url('orchestration')}/api/v1/orchestrate"
    # Each text another one, and other ones than of the last run, so that the response cache answers none.
    fresh = itertools.count(time.time_ns())
    texts: dict[str, Callable[[], str]] = {
        "the demo text": lambda: f"{TEXT} Case {next(fresh)}.",
        "4 KiB": lambda: (TEXT + " ") * (_LONG // len(TEXT)) + f"Case {next(fresh)}.",
        "the same text again": lambda: TEXT,
    }
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    ) as client:
        return [
            await measure(
                name,
                lambda _, text=text: client.post(url, json={"content": text(), "mode": "sync"}),  # type: ignore[misc]
                requests=requests,
                concurrency=concurrency,
            )
            for name, text in texts.items()
            for concurrency in (1, 8)
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200, help="for each row (default: %(default)s)")
    report("POST /api/v1/orchestrate", asyncio.run(_run(parser.parse_args().requests)))


if __name__ == "__main__":
    main()
