"""/api/v1/models: the versions of the model, and what each is used for."""

from typing import Annotated

from litestar import Controller, get, post
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter

from mapper_svc.api.guards import requires
from mapper_svc.api.injected import Injected
from mapper_svc.api.models_wire import (
    MANAGE,
    FeedbackOut,
    FeedbackRequest,
    ModelOut,
    ModelsOut,
    ReasonRequest,
    RegisterModelRequest,
    RollBackRequest,
    ShareRequest,
    TrialReportOut,
    model_out,
    models_out,
    report_out,
)
from mapper_svc.api.platform_guard import platform_only
from mapper_svc.api.problems import BODY, faults
from mapper_svc.domain.access import Principal
from mapper_svc.domain.errors import ErrorCode, ServiceError
from mapper_svc.domain.model_feedback import ModelFeedback
from mapper_svc.domain.model_fleet import Fleet, TrialKind
from mapper_svc.domain.model_registry import ModelRegistry
from mapper_svc.domain.trial_report import TrialReports

_EXAMPLE = "0a1b2c3d4e5f"
_Version = Annotated[
    str,
    PathParameter(
        pattern=r"^[0-9a-f]{12}$",
        description="id of the release",
        examples=[Example(id="release", value=_EXAMPLE)],
    ),
]
_READ = (requires("models:read"),)
_CHANGE = (requires(MANAGE), platform_only)
_CHANGES = faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)
_WHY = Body(examples=[Example(id="why", value={"reason": "passed its gates"})])
_SHARE = Body(examples=[Example(id="ten", summary="every tenth tenant", value={"percent": 10})])


class ModelsController(Controller):
    """List, try and change versions; only the platform's admins change them, and every change is audited."""

    path = "/api/v1/models"
    tags = ("models",)

    @get("/", summary="Every version", guards=_READ, responses=faults())
    async def page(self, principal: Injected[Principal], registry: Injected[ModelRegistry]) -> ModelsOut:
        """Answer every version, which one is active, and what is being tried."""
        return models_out(await registry.fleet(), principal)

    @post("/", summary="Make a version known", guards=_CHANGE, responses=faults(*BODY, ErrorCode.CONFLICT))
    async def register(
        self,
        data: Annotated[
            RegisterModelRequest,
            Body(examples=[Example(id="local", value={"url": "http://127.0.0.1:8092"})]),
        ],
        principal: Injected[Principal],
        registry: Injected[ModelRegistry],
    ) -> ModelOut:
        """Ask the server what it serves, and register that as a candidate; again is no fault.

        400 when it speaks of other labels than this service, 503 when it does not answer.
        """
        model = await registry.register(data.url, data.token_env, actor=principal.token_id)
        return model_out(model, await registry.fleet(), principal)

    @get("/trial", summary="The running trial", guards=_READ, responses=faults(ErrorCode.NOT_FOUND))
    async def trial(self, reports: Injected[TrialReports]) -> TrialReportOut:
        """Answer what was counted, and what the sequential test has shown; it may be read at any time."""
        return report_out(await reports.current())

    @post("/abort", status_code=200, summary="End the trial", guards=_CHANGE, responses=_CHANGES)
    async def abort(
        self,
        data: Annotated[ReasonRequest, _WHY],
        principal: Injected[Principal],
        registry: Injected[ModelRegistry],
    ) -> ModelsOut:
        """End the running trial; its version is a candidate again."""
        fleet = await registry.abort(actor=principal.token_id, reason=data.reason)
        return models_out(fleet, principal)

    @post("/rollback", status_code=200, summary="Go back", guards=_CHANGE, responses=_CHANGES)
    async def roll_back(
        self,
        data: Annotated[
            RollBackRequest,
            Body(examples=[Example(id="last", value={"reason": "complaints of three tenants"})]),
        ],
        principal: Injected[Principal],
        registry: Injected[ModelRegistry],
    ) -> ModelsOut:
        """Activate one of the last three versions again and retire the one in use."""
        fleet = await registry.roll_back(data.version, actor=principal.token_id, reason=data.reason)
        return models_out(fleet, principal)

    @post(
        "/feedback",
        status_code=200,
        summary="Say whether a finding was right",
        guards=(requires("map"),),
        responses=faults(*BODY),
    )
    async def feedback(
        self,
        data: Annotated[
            FeedbackRequest, Body(examples=[Example(id="right", value={"version": _EXAMPLE, "right": True})])
        ],
        principal: Injected[Principal],
        feedback: Injected[ModelFeedback],
    ) -> FeedbackOut:
        """Count it for the arm of the caller's tenant while a canary or an A/B trial runs."""
        return FeedbackOut(feedback.tell(principal.tenant_id, data.version, right=data.right))

    @get("/{version:str}", summary="One version", guards=_READ, responses=faults(ErrorCode.NOT_FOUND))
    async def one(
        self, version: _Version, principal: Injected[Principal], registry: Injected[ModelRegistry]
    ) -> ModelOut:
        """Answer the version of that id."""
        fleet = await registry.fleet()
        model = fleet.find(version)
        if model is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "no version of that id is registered", field="version")
        return model_out(model, fleet, principal)

    @post(
        "/{version:str}/activate",
        status_code=200,
        summary="Let it serve everybody",
        guards=_CHANGE,
        responses=_CHANGES,
    )
    async def activate(
        self,
        version: _Version,
        data: Annotated[ReasonRequest, _WHY],
        principal: Injected[Principal],
        registry: Injected[ModelRegistry],
    ) -> ModelsOut:
        """Activate a version; the one before stays ready to be gone back to. Again is no fault."""
        fleet = await registry.activate(version, actor=principal.token_id, reason=data.reason)
        return models_out(fleet, principal)

    @post(
        "/{version:str}/canary",
        status_code=200,
        summary="Let it serve some tenants",
        guards=_CHANGE,
        responses=_CHANGES,
    )
    async def canary(
        self,
        version: _Version,
        data: Annotated[ShareRequest, _SHARE],
        principal: Injected[Principal],
        registry: Injected[ModelRegistry],
    ) -> ModelsOut:
        """Serve a share of the tenants by it, or change the share. It goes by itself when it does worse."""
        return models_out(await _try(registry, version, TrialKind.CANARY, data, principal), principal)

    @post(
        "/{version:str}/ab",
        status_code=200,
        summary="Compare it by a test",
        guards=_CHANGE,
        responses=_CHANGES,
    )
    async def compare(
        self,
        version: _Version,
        data: Annotated[ShareRequest, _SHARE],
        principal: Injected[Principal],
        registry: Injected[ModelRegistry],
    ) -> ModelsOut:
        """As a canary, and a sequential test says when it has shown better or worse."""
        return models_out(await _try(registry, version, TrialKind.AB, data, principal), principal)

    @post(
        "/{version:str}/shadow",
        status_code=200,
        summary="Ask it beside the active one",
        guards=_CHANGE,
        responses=_CHANGES,
    )
    async def shadow(
        self,
        version: _Version,
        data: Annotated[ReasonRequest, _WHY],
        principal: Injected[Principal],
        registry: Injected[ModelRegistry],
    ) -> ModelsOut:
        """Ask it the same after each answer, compare, and use nothing of it."""
        fleet = await registry.try_out(
            version, TrialKind.SHADOW, 0, actor=principal.token_id, reason=data.reason
        )
        return models_out(fleet, principal)


async def _try(
    registry: ModelRegistry, version: str, kind: TrialKind, data: ShareRequest, principal: Principal
) -> Fleet:
    return await registry.try_out(version, kind, data.percent, actor=principal.token_id, reason=data.reason)
