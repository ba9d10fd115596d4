"""Working stand-ins for what the use cases reach through ports; they remember what they were asked."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

from orchestration_svc.domain.detection import (
    CallContext,
    Detector,
    DetectorFault,
    DetectorHealth,
    DetectorInfo,
    DetectorKind,
    DetectorOutput,
    JsonValue,
    ReadyState,
)
from orchestration_svc.domain.downstream import (
    AnalysisAnswer,
    AnalysisQuestion,
    DownstreamError,
    MappedFinding,
    MapperAnswer,
)
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.handover import MapperPayload
from orchestration_svc.domain.keys import ApiKey

TENANT = UUID("11111111-1111-4111-8111-111111111111")
OTHER_TENANT = UUID("22222222-2222-4222-8222-222222222222")
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)
TEXT = frozenset({"text/plain"})


class FakeDetector:
    """Says what it was made to say, or raises it."""

    def __init__(
        self,
        name: str,
        *,
        says: JsonValue = (),
        raises: DetectorFault | Exception | None = None,
        content_types: frozenset[str] = TEXT,
        state: ReadyState = ReadyState.READY,
    ) -> None:
        self._says = list(says) if says == () else says
        self.raises: DetectorFault | Exception | None = raises
        self._state = state
        self._info = DetectorInfo(name, f"{name}_vendor", "1.2.3", DetectorKind.REMOTE, content_types, 1_000)
        self.contexts: list[CallContext] = []

    @property
    def info(self) -> DetectorInfo:
        return self._info

    def health(self) -> DetectorHealth:
        return DetectorHealth(self._state)

    async def detect(self, text: str, *, timeout_s: float, context: CallContext) -> DetectorOutput:  # noqa: ARG002
        self.contexts.append(context)
        if self.raises is not None:
            raise self.raises
        return DetectorOutput(self._says, 0.9)


class FakeDirectory:
    """The detectors that a test installs."""

    def __init__(self, *detectors: Detector) -> None:
        self._by_name = {one.info.name: one for one in detectors}

    async def of(self, tenant_id: UUID) -> "FakeDirectory":  # noqa: ARG002
        return self

    def get(self, name: str) -> Detector | None:
        return self._by_name.get(name)

    def all(self) -> Sequence[Detector]:
        return [self._by_name[name] for name in sorted(self._by_name)]


class FakeMapper:
    """Maps every entry to one finding; with `raises` it gives no answer."""

    def __init__(self) -> None:
        self.raises: DownstreamError | None = None
        self.fallback_used = False
        self.asked: list[tuple[Sequence[MapperPayload], UUID, float]] = []

    async def map(
        self, payloads: Sequence[MapperPayload], *, tenant_id: UUID, timeout_s: float
    ) -> MapperAnswer:
        self.asked.append((payloads, tenant_id, timeout_s))
        if self.raises:
            raise self.raises
        said = [part.detector for payload in payloads for part in payload.provenance]
        findings = tuple(MappedFinding("PII.Contact", 0.8, 0.9, detector, "rule", 1) for detector in said)
        body: dict[str, object] = {
            "findings": [{"raw": {"detector": detector}} for detector in said],
            "version_info": {"taxonomy": "2026.11", "model": None},
        }
        return MapperAnswer(findings, body, self.fallback_used)


class FakeAnalysis:
    """Finds everything low; with `raises` it gives no answer."""

    def __init__(self) -> None:
        self.raises: DownstreamError | None = None
        self.lacks: tuple[tuple[str, str], ...] = ()
        self.asked: list[tuple[AnalysisQuestion, UUID, float]] = []

    async def analyze(
        self, question: AnalysisQuestion, *, tenant_id: UUID, timeout_s: float
    ) -> AnalysisAnswer:
        self.asked.append((question, tenant_id, timeout_s))
        if self.raises:
            raise self.raises
        return AnalysisAnswer({"risk": {"score": 12.0, "level": "low"}}, self.lacks)


@dataclass
class FakeEvents:
    """Keeps what happened."""

    detectors: list[tuple[str, str]] = field(default_factory=list)
    missing: list[tuple[str, str]] = field(default_factory=list)
    enforced: list[tuple[str, str, str]] = field(default_factory=list)

    def detector(self, name: str, status: str, milliseconds: float) -> None:  # noqa: ARG002
        self.detectors.append((name, status))

    def missing_part(self, part: str, reason: str) -> None:
        self.missing.append((part, reason))

    def policy_enforced(self, *, tenant: str, policy: str, status: str, violation: str) -> None:  # noqa: ARG002
        self.enforced.append((policy, status, violation))


class FakeClock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def pass_by(self, gone: timedelta) -> None:
        self.time += gone


class MemoryKeyStore:
    """Keys in memory, with the store's rule that an earlier revocation stands."""

    def __init__(self) -> None:
        self.keys: dict[tuple[UUID, UUID], ApiKey] = {}
        self.acts: list[tuple[str, str]] = []

    async def add(self, key: ApiKey, *, actor: str) -> None:
        self.keys[key.tenant_id, key.key_id] = key
        self.acts.append((actor, "key.issued"))

    async def get(self, tenant_id: UUID, key_id: UUID) -> ApiKey:
        try:
            return self.keys[tenant_id, key_id]
        except KeyError:
            raise ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such key") from None

    async def list(self, tenant_id: UUID) -> list[ApiKey]:
        return [key for key in self.keys.values() if key.tenant_id == tenant_id]

    async def replace(self, old_key_id: UUID, new: ApiKey, *, revoked_at: datetime, actor: str) -> None:
        if (await self.get(new.tenant_id, old_key_id)).revoked_at is not None:
            raise ServiceError(ErrorCode.CONFLICT, "revoked before")
        await self.add(new, actor=actor)
        await self.revoke(new.tenant_id, old_key_id, at=revoked_at, actor=actor, action="key.rotated")

    async def revoke(self, tenant_id: UUID, key_id: UUID, *, at: datetime, actor: str, action: str) -> None:
        key = await self.get(tenant_id, key_id)
        if key.revoked_at is None or key.revoked_at > at:
            self.keys[tenant_id, key_id] = replace(key, revoked_at=at)
            self.acts.append((actor, action))


class FakeSigner:
    """Keeps what it signed; the token names its id."""

    def __init__(self) -> None:
        self.signed: list[dict[str, object]] = []

    async def sign(
        self,
        *,
        token_id: str,
        tenant_id: UUID,
        roles: frozenset[str],
        scopes: frozenset[str],
        audiences: Sequence[str],
        expires_at: datetime,
    ) -> str:
        self.signed.append(
            {
                "token_id": token_id,
                "tenant_id": tenant_id,
                "roles": roles,
                "scopes": scopes,
                "audiences": tuple(audiences),
                "expires_at": expires_at,
            }
        )
        return f"token:{token_id}"


class FakeFeed:
    """Counts how often the list was published."""

    def __init__(self) -> None:
        self.published = 0

    async def publish(self) -> None:
        self.published += 1
