"""/api/v1/detectors: what there is, how it is, and what tenants and the platform register."""

from typing import Annotated, Any
from uuid import UUID

from litestar import Controller, Request, Response, delete, get, post, put
from litestar.openapi.spec import Example
from litestar.params import Body, PathParameter, QueryParameter

from orchestration_svc.api.detectors_wire import (
    ConnectionIn,
    DetectorList,
    RegisterRequest,
    Scope,
    SplitRequest,
    VersionList,
    VersionOut,
    connection_of,
    detector_out,
    scope_of,
    version_out,
)
from orchestration_svc.api.guards import requires
from orchestration_svc.api.idempotent import IdempotencyKey, answered_once
from orchestration_svc.api.injected import Injected
from orchestration_svc.api.problems import BODY, faults
from orchestration_svc.domain.access import OPERATOR_TENANT_ID, Principal
from orchestration_svc.domain.detection import DetectorDirectory
from orchestration_svc.domain.detector_registration import (
    NAME,
    RegisteredVersions,
    Registration,
    VersionState,
)
from orchestration_svc.domain.detector_registry import DetectorRegistry
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.idempotency import Idempotency

_READ = (requires("detectors:read"),)
_MANAGE = (requires("detectors:manage"),)
_CHANGES = faults(*BODY, ErrorCode.NOT_FOUND, ErrorCode.CONFLICT)
_FMS = {
    "adapter": "fms",
    "url": "https://hap.example.com",
    "vendor": "ibm_granite_guardian_hap",
    "options": {"detector_id": "granite-guardian-hap"},
    "secret": "HAP",
}
_GENERIC = {
    "adapter": "generic_json",
    "url": "https://scan.example.com",
    "vendor": "acme_scan",
    "options": {
        "path": "/scan",
        "request": {"input": "{text}"},
        "entries": "findings",
        "label": "kind",
        "score": "risk",
    },
}
_NAMED = PathParameter(
    pattern=f"^{NAME}$", description="the detector's name", examples=[Example(id="hap", value="hap")]
)
_VERSIONED = PathParameter(
    pattern=f"^{NAME}$", description="one of its versions", examples=[Example(id="first", value="1")]
)
_Name = Annotated[str, _NAMED]
_Version = Annotated[str, _VERSIONED]
_Shared = Annotated[bool, QueryParameter(description="change what all tenants share; for the platform")]


class DetectorsController(Controller):
    """The detectors of the caller's tenant."""

    path = "/api/v1/detectors"
    tags = ("detectors",)

    @get("/", summary="List detectors", guards=_READ, responses=faults())
    async def list_detectors(
        self,
        principal: Injected[Principal],
        directory: Injected[DetectorDirectory],
        registered_versions: Injected[RegisteredVersions],
    ) -> DetectorList:
        """Answer each detector that runs for the tenant, with its version, state and breaker."""
        found = await directory.of(principal.tenant_id)
        scopes: dict[str, Scope] = {
            one.registration.name: scope_of(one.registration)
            for owner in (OPERATOR_TENANT_ID, principal.tenant_id)
            for one in registered_versions.states(owner)
            if not one.registration.is_switch
        }
        return DetectorList(
            [detector_out(one, scopes.get(one.info.name, "installed")) for one in found.all()]
        )

    @post("/", summary="Register a detector", guards=_MANAGE, responses=faults(*BODY, ErrorCode.CONFLICT))
    async def register(
        self,
        data: Annotated[
            RegisterRequest,
            Body(
                examples=[
                    Example(id="fms", value={"name": "hap", **_FMS}),
                    Example(id="generic", summary="any JSON", value={"name": "scan", **_GENERIC}),
                ]
            ),
        ],
        request: Request[Any, Any, Any],
        principal: Injected[Principal],
        detector_registry: Injected[DetectorRegistry],
        idempotency: Injected[Idempotency],
        idempotency_key: IdempotencyKey = None,
    ) -> Response[VersionOut]:
        """Add a version. The first one of a name gets its calls at once, later ones when a split says so."""

        async def make(made_as: UUID) -> Response[VersionOut]:
            made = await detector_registry.register(
                principal,
                data.name,
                data.version,
                connection_of(data),
                shared=data.shared,
                made_as=made_as,
            )
            return Response(_just_changed(made, principal), status_code=201)

        return await answered_once(idempotency, request, principal, idempotency_key, make)

    @get(
        "/{name:str}/versions",
        summary="Versions of a detector",
        guards=_READ,
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def versions(
        self,
        name: _Name,
        principal: Injected[Principal],
        detector_registry: Injected[DetectorRegistry],
        registered_versions: Injected[RegisteredVersions],
    ) -> VersionList:
        """Answer every registered version as it is stored, with its state on the replica that answers."""
        found = []
        for owner in dict.fromkeys((OPERATOR_TENANT_ID, principal.tenant_id)):
            states = {
                (one.registration.name, one.registration.version): one.health
                for one in registered_versions.states(owner)
            }
            found += [
                version_out(VersionState(one, states.get((one.name, one.version))), principal)
                for one in await detector_registry.registered(owner)
                if one.name == name
            ]
        if not found:
            raise ServiceError(ErrorCode.NOT_FOUND, "no version of it is registered", field="name")
        return VersionList(found)

    @put(
        "/{name:str}/versions/{version:str}",
        summary="Change how a version is called",
        guards=_MANAGE,
        responses=_CHANGES,
    )
    async def update(
        self,
        name: _Name,
        version: _Version,
        data: Annotated[ConnectionIn, Body(examples=[Example(id="fms", value=_FMS)])],
        principal: Injected[Principal],
        detector_registry: Injected[DetectorRegistry],
        *,
        shared: _Shared = False,
    ) -> VersionOut:
        """Set everything about its connection anew; its share of the calls stays."""
        made = await detector_registry.update(principal, name, version, connection_of(data), shared=shared)
        return _just_changed(made, principal)

    @delete(
        "/{name:str}/versions/{version:str}",
        summary="Remove a version",
        guards=_MANAGE,
        responses=faults(ErrorCode.NOT_FOUND, ErrorCode.CONFLICT),
    )
    async def remove(
        self,
        name: _Name,
        version: _Version,
        principal: Injected[Principal],
        detector_registry: Injected[DetectorRegistry],
        *,
        shared: _Shared = False,
    ) -> None:
        """Forget a version; 409 while no other one would answer the detector's calls."""
        await detector_registry.remove(principal, name, version, shared=shared)

    @put("/{name:str}/split", summary="Share calls out", guards=_MANAGE, responses=_CHANGES)
    async def split(
        self,
        name: _Name,
        data: Annotated[
            SplitRequest,
            Body(
                examples=[
                    Example(id="gradual", value={"weights": {"1": 90, "2": 10}}),
                    Example(id="shadow", value={"weights": {"1": 100}, "shadow": "2"}),
                ]
            ),
        ],
        principal: Injected[Principal],
        detector_registry: Injected[DetectorRegistry],
        *,
        shared: _Shared = False,
    ) -> VersionList:
        """Set which version answers which share of the calls, and which is only asked beside."""
        made = await detector_registry.split(principal, name, data.weights, data.shadow, shared=shared)
        return VersionList([_just_changed(one, principal) for one in made])

    @post(
        "/{name:str}/enable",
        status_code=204,
        summary="Let a detector run",
        guards=_MANAGE,
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def enable(
        self,
        name: _Name,
        principal: Injected[Principal],
        detector_registry: Injected[DetectorRegistry],
        *,
        shared: _Shared = False,
    ) -> None:
        """Take back that it was disabled; again is no fault."""
        await detector_registry.switch(principal, name, enabled=True, shared=shared)

    @post(
        "/{name:str}/disable",
        status_code=204,
        summary="Stop a detector",
        guards=_MANAGE,
        responses=faults(ErrorCode.NOT_FOUND),
    )
    async def disable(
        self,
        name: _Name,
        principal: Injected[Principal],
        detector_registry: Injected[DetectorRegistry],
        *,
        shared: _Shared = False,
    ) -> None:
        """Run it for the tenant no more, or for nobody; an installed one too. Again is no fault."""
        await detector_registry.switch(principal, name, enabled=False, shared=shared)


def _just_changed(made: Registration, principal: Principal) -> VersionOut:
    return version_out(VersionState(made, None), principal)
