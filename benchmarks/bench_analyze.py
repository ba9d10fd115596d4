"""How long an analysis takes, by default and for every framework. The stack must be up."""

import argparse
import asyncio
from typing import Any

import httpx

from benchmarks.load import Figures, measure, report, stack_token, stack_url

_LABELS = (
    *("PII.Contact.Email", "PII.Person.Name", "PII.Financial.CreditCard", "SECRET.ApiKey"),
    *("JAILBREAK.Attempt", "PROMPT_INJECTION.Direct", "HARM.SPEECH.Threat", "INTEGRITY.Hallucination"),
)
_BATCH = 10


def _request(findings: int, frameworks: list[str] | None = None) -> dict[str, Any]:
    return {
        "findings": [
            {"id": f"f{n}", "label": _LABELS[n % len(_LABELS)], "score": 0.9, "confidence": 0.9}
            for n in range(findings)
        ],
        "context": {"detectors_required": ["d"], "detectors_succeeded": ["d"]},
        **({"frameworks": frameworks} if frameworks else {}),
    }


async def _run(requests: int) -> list[Figures]:
    token, base = stack_token(), stack_url("analysis")
    headers = {"Authorization": f"Bearer {token}"}
    async with httpx.AsyncClient(headers=headers, timeout=60, trust_env=False) as client:
        listed = (await client.get(f"{base}/api/v1/frameworks")).raise_for_status().json()
        everything = [one["id"] for one in listed["frameworks"]]
        batch = {"items": [_request(1_000 // _BATCH)] * _BATCH}
        cases: list[tuple[str, str, dict[str, Any], int]] = [
            ("5 findings, default frameworks", "/api/v1/analyze", _request(5), requests),
            (f"5 findings, all {len(everything)}", "/api/v1/analyze", _request(5, everything), requests),
            ("1,000 findings in one request", "/api/v1/analyze", _request(1_000), max(requests // 20, 1)),
            (f"batch of {_BATCH}, 1,000 findings", "/api/v1/analyze/batch", batch, max(requests // 20, 1)),
        ]
        return [
            await measure(
                name,
                lambda _, path=path, body=body: client.post(base + path, json=body),  # type: ignore[misc]
                requests=count,
                concurrency=concurrency,
            )
            for name, path, body, count in cases
            for concurrency in (1, 8)
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=400, help="for each row (default: %(default)s)")
    report("POST /api/v1/analyze", asyncio.run(_run(parser.parse_args().requests)))


if __name__ == "__main__":
    main()
