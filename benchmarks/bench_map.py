"""How long a mapping by rules takes. The stack must be up."""

import argparse
import asyncio

import httpx

from benchmarks.load import Figures, measure, report, stack_token, stack_url

_LABEL = {"detector": "openai_moderation", "output": "harassment/threatening"}
_NATIVE = {
    "detector": "openai_moderation",
    "output": {
        "id": "modr-1",
        "model": "omni-moderation-latest",
        "results": [
            {
                "flagged": True,
                "categories": {"violence": True, "harassment": False, "hate": False},
                "category_scores": {"violence": 0.91, "harassment": 0.01, "hate": 0.02},
            }
        ],
    },
}
_UNKNOWN = {"detector": "openai_moderation", "output": "patient chart number in chat"}


async def _run(requests: int) -> list[Figures]:
    token, base = stack_token(), stack_url("mapper")
    cases = {
        "a known label": ("/api/v1/map", _LABEL),
        "a native payload": ("/api/v1/map", _NATIVE),
        "a label no rule knows (kept for review)": ("/api/v1/map", _UNKNOWN),
        "a batch of 100 labels": ("/api/v1/map/batch", {"items": [_LABEL] * 100}),
    }
    async with httpx.AsyncClient(
        headers={"Authorization": f"Bearer {token}"}, timeout=30, trust_env=False
    ) as client:
        return [
            await measure(
                name,
                lambda _, path=path, body=body: client.post(base + path, json=body),  # type: ignore[misc]
                requests=requests,
                concurrency=concurrency,
            )
            for name, (path, body) in cases.items()
            for concurrency in (1, 8)
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=500, help="for each row (default: %(default)s)")
    report("POST /api/v1/map", asyncio.run(_run(parser.parse_args().requests)))


if __name__ == "__main__":
    main()
