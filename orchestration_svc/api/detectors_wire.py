"""Detectors over the wire."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from orchestration_svc.domain.access import Principal, Role
from orchestration_svc.domain.detection import Detector, DetectorKind, FailureReason, ReadyState
from orchestration_svc.domain.detector_registration import (
    NAME,
    SECRET,
    VENDOR,
    AdapterName,
    Connection,
    ProbeKind,
    Registration,
    VersionState,
)

Scope = Literal["installed", "shared", "own"]
Name = Annotated[str, Meta(pattern=rf"^{NAME}$(?!\n)", max_length=128)]
_MediaType = Annotated[str, Meta(pattern=r"^[a-z]+/[a-z0-9.+-]{1,64}$(?!\n)")]


class DetectorOut(msgspec.Struct, frozen=True):
    """One detector. ``reason`` says why it is not ready; ``breaker`` is empty where there is none.

    A call without an answer after ``hedge_after_ms`` is made a second time beside the first; 0 for never.
    """

    name: str
    vendor: str
    version: str
    kind: DetectorKind
    content_types: list[str]
    timeout_ms: int
    hedge_after_ms: int
    state: ReadyState
    reason: FailureReason | None
    restarts: int
    breaker: str
    scope: Scope


class DetectorList(msgspec.Struct, frozen=True):
    """Every detector of the caller's tenant by name, those that cannot run included."""

    detectors: list[DetectorOut]


class ConnectionIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How a version is called. ``secret`` is the name of what the operator keeps for this tenant."""

    adapter: Literal[
        "fms", "openai_moderations", "presidio", "llm_guard", "kserve_v2", "llama_stack", "generic_json"
    ]
    url: Annotated[
        str, Meta(min_length=8, max_length=512, description="base URL, without the adapter's path")
    ]
    vendor: Annotated[
        str, Meta(pattern=rf"^{VENDOR}$(?!\n)", description="whose labels it speaks, for the mapping")
    ]
    options: Annotated[dict[str, Any], Meta(description="what the adapter needs besides")] = {}
    content_types: Annotated[list[_MediaType], Meta(min_length=1, max_length=16)] = msgspec.field(
        default_factory=lambda: ["text/plain"]
    )
    timeout_ms: Annotated[int, Meta(ge=10, le=30_000)] = 1_000
    max_concurrency: Annotated[int, Meta(ge=1, le=256)] = 32
    retries: Annotated[int, Meta(ge=0, le=3)] = 1
    secret: Annotated[str, Meta(pattern=rf"^({SECRET})?$(?!\n)")] = ""
    auth_header: Annotated[str, Meta(max_length=64)] = "Authorization"
    probe: ProbeKind = ProbeKind.DETECT
    health_path: Annotated[str, Meta(max_length=200)] = "/health"
    hedge_after_ms: Annotated[
        int,
        Meta(ge=0, le=30_000, description="a call without an answer is then made a second time; 0: never"),
    ] = 0


class RegisterRequest(ConnectionIn, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A new version of a new detector or of one that is there. ``shared`` ones are everybody's."""

    name: Name
    version: Name = "1"
    shared: bool = False


class SplitRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Each version's share of the calls; one that is not named gets none. The shadow only runs beside."""

    weights: Annotated[dict[Name, Annotated[int, Meta(ge=0, le=100)]], Meta(min_length=1, max_length=64)]
    shadow: Name | None = None


class VersionOut(msgspec.Struct, frozen=True):
    """One registered version and how it is. Of shared ones only the platform sees how they are called."""

    name: str
    version: str
    scope: Scope
    adapter: AdapterName
    vendor: str
    content_types: list[str]
    timeout_ms: int
    max_concurrency: int
    retries: int
    hedge_after_ms: int
    enabled: bool
    weight: int
    shadow: bool
    state: ReadyState | None
    reason: FailureReason | None
    breaker: str
    url: str | None
    options: dict[str, Any] | None
    secret: str | None
    auth_header: str | None
    probe: ProbeKind
    changed_at: datetime | None


class VersionList(msgspec.Struct, frozen=True):
    """Every registered version of one detector."""

    versions: list[VersionOut]


def connection_of(data: ConnectionIn) -> Connection:
    """Turn a request into what is stored."""
    return Connection(
        adapter=AdapterName(data.adapter),
        url=data.url.rstrip("/"),
        vendor=data.vendor,
        options=data.options,
        content_types=tuple(dict.fromkeys(data.content_types)),
        timeout_ms=data.timeout_ms,
        max_concurrency=data.max_concurrency,
        retries=data.retries,
        secret=data.secret,
        auth_header=data.auth_header,
        probe=data.probe,
        health_path=data.health_path,
        hedge_after_ms=data.hedge_after_ms,
    )


def detector_out(detector: Detector, scope: Scope) -> DetectorOut:
    """Turn a detector into its wire form."""
    info, health = detector.info, detector.health()
    return DetectorOut(
        name=info.name,
        vendor=info.vendor,
        version=info.version,
        kind=info.kind,
        content_types=sorted(info.content_types),
        timeout_ms=info.timeout_ms,
        hedge_after_ms=info.hedge_after_ms,
        state=health.state,
        reason=health.reason,
        restarts=health.restarts,
        breaker=health.breaker,
        scope=scope,
    )


def version_out(state: VersionState, caller: Principal) -> VersionOut:
    """Turn a version into its wire form for one caller."""
    one, health = state.registration, state.health
    connection = one.connection
    told = not one.shared or Role.PLATFORM_ADMIN in caller.roles
    return VersionOut(
        name=one.name,
        version=one.version,
        scope=scope_of(one),
        adapter=connection.adapter,
        vendor=connection.vendor,
        content_types=list(connection.content_types),
        timeout_ms=connection.timeout_ms,
        max_concurrency=connection.max_concurrency,
        retries=connection.retries,
        hedge_after_ms=connection.hedge_after_ms,
        enabled=one.enabled,
        weight=one.weight,
        shadow=one.shadow,
        state=health.state if health else None,
        reason=health.reason if health else None,
        breaker=health.breaker if health else "",
        url=connection.url if told else None,
        options=dict(connection.options) if told else None,
        secret=connection.secret if told else None,
        auth_header=connection.auth_header if told else None,
        probe=connection.probe,
        changed_at=one.changed_at,
    )


def scope_of(registration: Registration) -> Scope:
    """Return whose a registration is, as its readers see it."""
    return "shared" if registration.shared else "own"
