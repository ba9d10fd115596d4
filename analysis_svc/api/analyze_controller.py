"""POST /api/v1/analyze and /api/v1/analyze/batch."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Annotated, TypeVar

from litestar import Controller, post
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter

from analysis_svc.api.guards import requires
from analysis_svc.api.injected import Injected
from analysis_svc.api.problems import BODY, faults
from analysis_svc.api.wire import (
    AnalyzeAnswer,
    AnalyzeBatchAnswer,
    AnalyzeBatchRequest,
    AnalyzeRequest,
    answer_of,
    request_of,
)
from analysis_svc.domain.access import Principal
from analysis_svc.domain.analyze_requests import AnalyzeRequests

T = TypeVar("T")
R = TypeVar("R")
TimeLeft = Annotated[
    int | None,
    HeaderParameter(
        name="X-Time-Left-Ms",
        ge=1,
        le=600_000,
        description="milliseconds that the caller waits; the database is waited for half as long",
    ),
]
_EXAMPLE = {
    "findings": [
        {
            "id": "f1",
            "label": "SECRET.CloudCredential",
            "score": 1.0,
            "confidence": 1.0,
            "detector": "detect_secrets",
        }
    ],
    "context": {
        "detectors_required": ["detect_secrets"],
        "detectors_succeeded": ["detect_secrets"],
        "coverage": 1.0,
    },
}


class AnalyzeController(Controller):
    """Scores the risk of findings and ties them to controls."""

    path = "/api/v1/analyze"
    tags = ("analysis",)
    guards = (requires("analyze"),)

    @post("/", status_code=200, summary="Analyse the findings of one text", responses=faults(*BODY))
    async def analyze(
        self,
        data: Annotated[AnalyzeRequest, Body(examples=[Example(id="secret", value=_EXAMPLE)])],
        principal: Injected[Principal],
        analyze_requests: Injected[AnalyzeRequests],
        time_left_ms: TimeLeft = None,
    ) -> AnalyzeAnswer:
        """Answer risk, controls, patterns and what to do; the evidence is kept under ``evidence_id``.

        The same sent again under the same ``context.request_id`` is a repetition: it is answered, and its
        ``evidence_id`` is that of the first. With anything else in it, it is kept as an analysis of its own.
        """
        within_s = None if time_left_ms is None else time_left_ms / 1000
        (kept,) = await analyze_requests([request_of(data)], tenant_id=principal.tenant_id, within_s=within_s)
        return answer_of(kept)

    @post(
        "/batch",
        status_code=200,
        summary="Analyse up to 100 texts' findings",
        responses=faults(*BODY),
    )
    async def batch(
        self,
        data: Annotated[AnalyzeBatchRequest, Body(examples=[Example(id="one", value={"items": [_EXAMPLE]})])],
        principal: Injected[Principal],
        analyze_requests: Injected[AnalyzeRequests],
    ) -> AnalyzeBatchAnswer:
        """Answer one analysis for each item, in order; evidence is kept for all of them or none.

        All items together may have 5,000 findings.
        """
        kept = await analyze_requests(
            await in_turns(request_of, data.items), tenant_id=principal.tenant_id, listed_as="items"
        )
        return AnalyzeBatchAnswer(await in_turns(answer_of, kept))


async def in_turns(turn: Callable[[T], R], items: Sequence[T]) -> list[R]:
    """Do something with each item, and let other requests have their turn in between."""
    done = []
    for item in items:
        done.append(turn(item))
        await asyncio.sleep(0)
    return done
