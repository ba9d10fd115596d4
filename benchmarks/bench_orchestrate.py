"""How long a whole request takes: detectors, mapping, analysis and evidence. The stack must be up."""

import argparse
import asyncio

import httpx

from benchmarks.load import Figures, measure, report, stack_token, stack_url
from deploy.local.demo import TEXT

_LONG = 4096


async def _run(requests: int) -> list[Figures]:
    token, url = stack_token(), f"{stack_url('orchestration')}/api/v1/orchestrate"
    texts = {"the demo text": TEXT, "4 KiB": (TEXT + " ") * (_LONG // len(TEXT))}
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    ) as client:
        return [
            await measure(
                name,
                lambda _, text=text: client.post(url, json={"content": text, "mode": "sync"}),  # type: ignore[misc]
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
