"""POST /api/v1/map and /api/v1/map/batch, and what their answers depend on."""

import asyncio
from typing import Annotated

import msgspec
from litestar import Controller, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, HeaderParameter

from mapper_svc.api.guards import requires
from mapper_svc.api.injected import Injected
from mapper_svc.api.problems import BODY, faults
from mapper_svc.api.wire import (
    MapAnswer,
    MapBatchAnswer,
    MapBatchRequest,
    MappingVersionOut,
    MapRequest,
    answer_of,
    payload_of,
)
from mapper_svc.domain.access import Principal
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.map_request import MapRequests
from mapper_svc.domain.mapping_version import MappingVersions

MAX_PAYLOAD_BYTES = 64 * 1024

TimeLeft = Annotated[
    int | None,
    HeaderParameter(
        name="X-Time-Left-Ms",
        ge=1,
        le=600_000,
        description="milliseconds that the caller waits for the answer; a model is not waited for any longer",
    ),
]

_ONE = {"detector": "openai_moderation", "output": "harassment/threatening"}
_NATIVE = {"detector": "llama_guard_3_4", "output": "unsafe\nS1,S9"}


class MapController(Controller):
    """Maps what detectors said into the canonical taxonomy."""

    path = "/api/v1/map"
    tags = ("mapping",)
    guards = (requires("map"),)

    @post("/", status_code=200, summary="Map one hand-over", responses=faults(*BODY))
    async def map(
        self,
        data: Annotated[
            MapRequest,
            Body(
                examples=[
                    Example(id="label", summary="a bare label", value=_ONE),
                    Example(id="native", summary="a vendor's native answer", value=_NATIVE),
                ]
            ),
        ],
        principal: Injected[Principal],
        map_requests: Injected[MapRequests],
        time_left_ms: TimeLeft = None,
    ) -> MapAnswer:
        """Answer at least one finding for each detector; what cannot be read is never reported as clean."""
        _check_size(data, "body")
        (result,) = await map_requests(
            [payload_of(data)], tenant_id=principal.tenant_id, within_s=_seconds(time_left_ms)
        )
        return answer_of(result)

    @post("/batch", status_code=200, summary="Map up to 100 hand-overs", responses=faults(*BODY))
    async def batch(
        self,
        data: Annotated[
            MapBatchRequest, Body(examples=[Example(id="two", value={"items": [_ONE, _NATIVE]})])
        ],
        principal: Injected[Principal],
        map_requests: Injected[MapRequests],
        time_left_ms: TimeLeft = None,
    ) -> MapBatchAnswer:
        """Answer one result for each item, in order; 413 when they have too many findings together."""
        for index, item in enumerate(data.items):
            _check_size(item, f"items[{index}]")
        results = await map_requests(
            [payload_of(item) for item in data.items],
            tenant_id=principal.tenant_id,
            within_s=_seconds(time_left_ms),
        )
        answers = []
        for result in results:
            answers.append(answer_of(result))
            await asyncio.sleep(0)  # others in between: the results of a batch may be many
        return MapBatchAnswer(answers)

    @get("/version", summary="What answers depend on now", responses=faults())
    async def version(
        self, principal: Injected[Principal], mapping_versions: Injected[MappingVersions]
    ) -> MappingVersionOut:
        """Answer the word that every answer to the caller's tenant carries until something changes."""
        version = await mapping_versions.of(principal.tenant_id)
        return MappingVersionOut(None if version is None else version.word)


def _seconds(milliseconds: int | None) -> float | None:
    return None if milliseconds is None else milliseconds / 1000


def _check_size(request: MapRequest, field: str) -> None:
    if len(msgspec.json.encode(request)) > MAX_PAYLOAD_BYTES:
        raise ServiceError(
            ErrorCode.PAYLOAD_TOO_LARGE,
            f"a hand-over is at most {MAX_PAYLOAD_BYTES} bytes of JSON; split it over /map/batch",
            field=field,
        )
