"""A detector that was registered at run time: what is known of one version of it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol
from uuid import UUID

from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from orchestration_svc.domain.detection import DetectorHealth
from orchestration_svc.domain.errors import ErrorCode, ServiceError

NAME = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}"
VENDOR = r"[A-Za-z0-9_][A-Za-z0-9_.:/-]{0,127}"
SECRET = r"[A-Z][A-Z0-9_]{0,63}"  # noqa: S105 - what a secret's name looks like
AUTH_HEADER = r"(?i:authorization|api-key|x-[a-z0-9-]{1,60})"
VERSIONS_MAX = 64
"""Most versions, of all detectors together, that one owner registers."""
REGISTRY = "registry"
"""Name of the stand-in for registrations that could not be read; no detector can have it."""
INSTALLED = "installed"
"""The version under which the switch of an installed detector is kept."""


class AdapterName(StrEnum):
    """The language that a detector is spoken to in."""

    FMS = "fms"
    OPENAI_MODERATIONS = "openai_moderations"
    PRESIDIO = "presidio"
    LLM_GUARD = "llm_guard"
    KSERVE_V2 = "kserve_v2"
    LLAMA_STACK = "llama_stack"
    GENERIC_JSON = "generic_json"
    PLUGIN = "plugin"


class ProbeKind(StrEnum):
    """How a detector is asked whether it is well."""

    DETECT = "detect"
    HEALTH = "health"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Connection:
    """How one version is called.

    Attributes:
        adapter: the language it speaks; ``plugin`` is an installed detector, with nothing else to set.
        url: base URL of its server.
        vendor: whose label language it speaks.
        options: what the adapter needs besides.
        content_types: media types that it can read.
        timeout_ms: how long a call may take.
        max_concurrency: calls under way at once; as many again may wait.
        retries: how often a call that broke off is made again within its time.
        secret: name of the secret that is sent; empty for none.
        auth_header: header it is sent in; as a bearer token in Authorization, bare in any other.
        probe: how it is asked whether it is well.
        health_path: path that answers 200 to GET when it is; for the probe ``health``.
        hedge_after_ms: when a call without an answer is made a second time beside the first; 0 for never.
    """

    adapter: AdapterName
    url: str = ""
    vendor: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    content_types: tuple[str, ...] = ("text/plain",)
    timeout_ms: int = 1_000
    max_concurrency: int = 32
    retries: int = 1
    secret: str = ""
    auth_header: str = "Authorization"
    probe: ProbeKind = ProbeKind.DETECT
    health_path: str = "/health"
    hedge_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Registration:
    """One version of a registered detector.

    Attributes:
        owner: the tenant that has it; the operator's tenant for one that all share.
        name: how requests and policies call it.
        version: of the server or model behind it; several stand side by side.
        connection: how it is called.
        enabled: whether the detector runs; the same for all its versions.
        weight: share of the detector's calls that this version gets, in percent of the weights' sum.
        shadow: whether it is asked beside the version that answers, and nothing of it is used.
        changed_at: when it was changed last, UTC.
        made_as: id of the request that added it; None for one that was there before such ids were kept.
    """

    owner: UUID
    name: str
    version: str
    connection: Connection
    enabled: bool = True
    weight: int = 0
    shadow: bool = False
    changed_at: datetime | None = None
    made_as: UUID | None = None

    @property
    def shared(self) -> bool:
        """Whether every tenant has it."""
        return self.owner == OPERATOR_TENANT_ID

    @property
    def is_switch(self) -> bool:
        """Whether it only switches an installed detector."""
        return self.connection.adapter is AdapterName.PLUGIN


@dataclass(frozen=True, slots=True)
class VersionState:
    """A registered version and how it is on this replica; `health` is None for a switch."""

    registration: Registration
    health: DetectorHealth | None


class RegisteredVersions(Protocol):
    """What this replica knows of registrations, without asking for them."""

    def states(self, owner: UUID) -> Sequence[VersionState]:
        """Return the owner's versions by name and version; none while they could not be read."""
        ...


def check_names(name: str, version: str) -> None:
    """Refuse names that no detector can have.

    Raises:
        ServiceError: INVALID_REQUEST naming the field.
    """
    if not re.fullmatch(NAME, name) or name == REGISTRY:
        raise wrong("name", f"a name is 1 to 128 letters, digits, '_', '.' or '-', and not '{REGISTRY}'")
    if not re.fullmatch(NAME, version) or version == INSTALLED:
        raise wrong(
            "version", f"a version is 1 to 128 letters, digits, '_', '.' or '-', and not '{INSTALLED}'"
        )


def check_connection(connection: Connection) -> None:
    """Refuse what no adapter could use; options and URL are checked by those who know them.

    Raises:
        ServiceError: INVALID_REQUEST naming the field.
    """
    if not re.fullmatch(VENDOR, connection.vendor):
        raise wrong("vendor", "a vendor is 1 to 128 letters, digits or any of '_.:/-'")
    if connection.secret and not re.fullmatch(SECRET, connection.secret):
        raise wrong("secret", "the name of a secret is 1 to 64 capital letters, digits and '_'")
    if not re.fullmatch(AUTH_HEADER, connection.auth_header):
        raise wrong("auth_header", "it is Authorization, api-key or a header whose name begins with x-")
    if not re.fullmatch(r"/[A-Za-z0-9_./~-]{0,200}", connection.health_path):
        raise wrong("health_path", "it is a path without query that begins with '/'")
    if connection.hedge_after_ms >= connection.timeout_ms:
        raise wrong("hedge_after_ms", "a second call has to come before timeout_ms is over")
    if connection.hedge_after_ms and not connection.retries:
        raise wrong("hedge_after_ms", "with retries 0 no call is made twice, a late one neither")


def check_split(versions: Sequence[Registration], weights: Mapping[str, int], shadow: str | None) -> None:
    """Refuse a split that names versions which are not there, or lets nobody answer.

    Raises:
        ServiceError: INVALID_REQUEST naming the field.
    """
    known = {one.version for one in versions}
    if beyond := sorted(set(weights) - known):
        raise wrong("weights", f"the detector has no version '{beyond[0]}'")
    if not any(weights.values()):
        raise wrong("weights", "at least one version must have a weight above 0")
    if shadow is not None and shadow not in known:
        raise wrong("shadow", f"the detector has no version '{shadow}'")
    if shadow is not None and weights.get(shadow, 0):
        raise wrong("shadow", "a version that answers is no shadow; give it weight 0")


def wrong(field_name: str, why: str) -> ServiceError:
    """Make the error for a field that cannot be taken."""
    return ServiceError(ErrorCode.INVALID_REQUEST, why, field=field_name)
