"""What a detector is, what it says and what can go wrong with it.

Two kinds of plugin exist. A *process* plugin is CPU-bound: it runs in a worker process of its own, so that a
hang or a crash costs one answer and never the service. A *remote* plugin waits for another server and runs on
the event loop. The use cases see neither: they see ``Detector``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol, runtime_checkable
from uuid import UUID

# Labels, offsets, scores and severities as JSON values; never text, matched values or hashes of them.
# Offsets are counted in code points of the content.
JsonValue = Any


class DetectorStatus(StrEnum):
    """How one detector's part of a request ended."""

    SUCCESS = "success"
    FAILED = "failed"
    TIMEOUT = "timeout"
    CIRCUIT_OPEN = "circuit_open"
    UNAVAILABLE = "unavailable"
    SKIPPED = "skipped"
    UNPARSED = "unparsed"


class FailureReason(StrEnum):
    """Why a detector gave nothing. A closed set: an exception's own words may quote the content."""

    CRASHED = "crashed"
    WORKER_DIED = "worker_died"
    RAN_TOO_LONG = "ran_too_long"
    QUEUED_TOO_LONG = "queued_too_long"
    STARTING = "starting"
    NOT_LOADED = "not_loaded"
    STOPPED = "stopped"
    NOT_INSTALLED = "not_installed"
    UNREACHABLE = "unreachable"
    REFUSED = "refused"
    SERVER_ERROR = "server_error"
    ANSWER_TOO_LARGE = "answer_too_large"
    ANSWER_NOT_JSON = "answer_not_json"
    ANSWER_WRONG_SHAPE = "answer_wrong_shape"
    CONTENT_TYPE_NOT_SUPPORTED = "content_type_not_supported"
    ACCESS_REFUSED = "access_refused"
    NO_SUCH_PATH = "no_such_path"
    RATE_LIMITED = "rate_limited"
    ADDRESS_REFUSED = "address_refused"
    SECRET_MISSING = "secret_missing"  # noqa: S105 - a reason
    TOO_MANY_CALLS = "too_many_calls"
    CIRCUIT_OPEN = "circuit_open"
    REGISTRY_UNREAD = "registry_unread"


class DetectorKind(StrEnum):
    """Where a detector does its work."""

    PROCESS = "in_process"
    REMOTE = "remote"


class ReadyState(StrEnum):
    """Whether a detector can take a call now."""

    READY = "ready"
    STARTING = "starting"
    UNAVAILABLE = "unavailable"


@dataclass(frozen=True, slots=True)
class DetectorOutput:
    """What a detector found, already reduced.

    Attributes:
        output: the vendor's labels with offsets, scores and severities; an explicit empty list or safe label
            when nothing was found, never None.
        confidence: of the detector in this answer, in [0, 1]; None where it has no such notion.
    """

    output: JsonValue
    confidence: float | None = None


@dataclass(frozen=True, slots=True)
class DetectorResult:
    """One detector's part of the answer to a request.

    Attributes:
        detector: its name, unique among the installed ones.
        vendor: whose label language ``output`` speaks; the mapper resolves it.
        version: of the library or server behind it; "unknown" where it does not say.
        status: how it ended; ``output`` is None for every status but success.
        output: see DetectorOutput.
        confidence: see DetectorOutput.
        processing_time_ms: wall time, queueing included.
        error: why there is no output.
    """

    detector: str
    vendor: str
    version: str
    status: DetectorStatus
    output: JsonValue = None
    confidence: float | None = None
    processing_time_ms: float = 0.0
    error: FailureReason | None = None


@dataclass(frozen=True, slots=True)
class DetectorInfo:
    """What is known of a detector before it runs.

    Attributes:
        name: unique among the installed ones.
        vendor: whose label language it speaks.
        version: of the library or server behind it.
        kind: where it does its work.
        content_types: media types that it can read.
        timeout_ms: how long a call may take unless the caller allows less.
        revision: changes with whatever else its answers depend on, such as which server is asked, and how.
        hedge_after_ms: when a call without an answer is made a second time beside the first; 0 for never.
    """

    name: str
    vendor: str
    version: str
    kind: DetectorKind
    content_types: frozenset[str]
    timeout_ms: int
    revision: str = ""
    hedge_after_ms: int = 0


@dataclass(frozen=True, slots=True)
class DetectorHealth:
    """Whether a detector can take a call, and why not.

    Attributes:
        state: ready, starting or unavailable.
        reason: why it is not ready, from the closed set.
        detail: what failed while loading, in the loader's words; loading happens before any content is seen.
        worker_pids: process ids of its live workers; empty for a remote one.
        restarts: how often a worker was replaced.
        breaker: ``closed``, ``open`` or ``half_open``; empty where there is none.
    """

    state: ReadyState
    reason: FailureReason | None = None
    detail: str = ""
    worker_pids: tuple[int, ...] = ()
    restarts: int = 0
    breaker: str = ""


@dataclass(frozen=True, slots=True)
class CallContext:
    """What travels with a call besides the content.

    Attributes:
        correlation_id: of the request; remote detectors get it as X-Correlation-ID.
        headers: W3C trace headers to hand to remote detectors.
        is_awaited: whether an answer waits for it; a call that none waits for is not made twice.
    """

    correlation_id: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    is_awaited: bool = True


class DetectorFault(Exception):  # noqa: N818 - a status of the contract, not an error of the program
    """A detector gave nothing usable.

    Args:
        status: what the result will say; any status but success.
        reason: from the closed set.
    """

    def __init__(self, status: DetectorStatus, reason: FailureReason) -> None:
        super().__init__(f"{status}: {reason}")
        self.status = status
        self.reason = reason


class Detector(Protocol):
    """A detector as the use cases see it."""

    @property
    def info(self) -> DetectorInfo:
        """What it is."""
        ...

    def health(self) -> DetectorHealth:
        """Whether it can take a call now."""
        ...

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:
        """Look at one text.

        Raises:
            DetectorFault: with the status and reason that the result will carry.
        """
        ...


class DetectorDirectory(Protocol):
    """The detectors that a caller may be answered by."""

    async def of(self, tenant_id: UUID) -> "DetectorDirectory":
        """Return them as this tenant has them, the same for as long as one request takes; never fails."""
        ...

    def get(self, name: str) -> Detector | None:
        """Return the detector of that name."""
        ...

    def all(self) -> Sequence[Detector]:
        """Return all of them by name, those that cannot run included."""
        ...


@runtime_checkable
class ProcessDetectorPlugin(Protocol):
    """What an entry point for a CPU-bound detector returns when called without arguments.

    It is made twice: in the service, which reads the attributes only, and in the worker, which calls ``load``
    once and then ``detect`` for each text. Its module and its construction must therefore be light; heavy
    libraries are imported in ``load``.
    """

    name: str
    vendor: str
    version: str
    content_types: frozenset[str]
    timeout_ms: int

    def load(self) -> None:
        """Import the library, load the models and warm them up; any exception makes it unavailable."""
        ...

    def detect(self, text: str) -> DetectorOutput:
        """Look at one text; called from one thread. An exception fails this call only."""
        ...


@runtime_checkable
class WindowedDetectorPlugin(ProcessDetectorPlugin, Protocol):
    """A CPU-bound detector that can look at a text piece by piece.

    Its worker turns to other texts between the windows of a long one, and drops a text whose caller's time is
    up. What ``look`` returns travels as JSON and is never reported by itself; only ``join`` makes an output.
    """

    def windows(self, text: str) -> Sequence[Any]:
        """Cut a text, the same way each time; quick, for it is called again whenever the text is resumed."""
        ...

    def look(self, text: str, window: Any) -> JsonValue:  # noqa: ANN401 - whatever its own windows are
        """Look at one window, in tens of milliseconds."""
        ...

    def join(self, text: str, seen: Sequence[JsonValue]) -> DetectorOutput:
        """Make the output of what was seen in all windows, in their order."""
        ...


@runtime_checkable
class RemoteDetectorPlugin(Protocol):
    """What an entry point for a detector behind a network returns when called without arguments."""

    name: str
    vendor: str
    version: str
    content_types: frozenset[str]
    timeout_ms: int

    async def detect_remote(self, text: str, context: CallContext) -> DetectorOutput:
        """Look at one text, without blocking; may raise DetectorFault."""
        ...

    async def close(self) -> None:
        """Let go of connections."""
        ...


@runtime_checkable
class PunctualDetectorPlugin(RemoteDetectorPlugin, Protocol):
    """A remote plugin that keeps a time limit by itself, and so needs nobody beside it who does."""

    async def detect_within(self, text: str, context: CallContext, timeout_s: float) -> DetectorOutput:
        """Look at one text; DetectorFault timeout when it has not ended within ``timeout_s`` seconds."""
        ...
