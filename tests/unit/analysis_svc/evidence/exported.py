"""Exports made without a database, with a key of their own."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.evidence_keys import EvidenceKey
from analysis_svc.adapters.evidence_rule_files import load_evidence_rules
from analysis_svc.domain.access import Principal
from analysis_svc.domain.assess_controls import AssessControls
from analysis_svc.domain.audit import GENESIS, AuditEvent, ChainState, event_hash
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.evidence_facts import Facts, LabelFacts, Looks, Period, Versions
from analysis_svc.domain.evidence_rules import ChosenRules
from analysis_svc.domain.exports.export import AuditExtract, ExportedFile, ExportFormat
from analysis_svc.domain.exports.make_export import ExportEvidence, ExportOrder, LedgerEntry, MadeExport
from analysis_svc.domain.exports.seal import NOTHING, Seal
from analysis_svc.domain.models import DetectorFailure
from analysis_svc.domain.ports import EvidenceFinding, EvidenceRecord
from analysis_svc.domain.reviewed_findings import ReviewedFinding

TENANT = UUID("11111111-1111-4111-8111-111111111111")
END = datetime(2026, 11, 1, tzinfo=UTC)
PERIOD = Period(END - timedelta(days=30), END)
KEY = EvidenceKey("k1", Ed25519PrivateKey.from_private_bytes(b"k" * 32))
CALLER = Principal(TENANT, "token-1", frozenset(), frozenset())

ASIDE = (
    ReviewedFinding(
        evidence_id=UUID(int=(4 << 76) | (8 << 60) | 1),
        analysed_at=PERIOD.start + timedelta(hours=1),
        finding_id="=f1",
        label="SECRET.ApiKey",
        right_label=None,
        feedback_id=UUID(int=(4 << 76) | (8 << 60) | 2),
        given_at=END - timedelta(days=2),
        given_by="token-2",
        reviewed_at=END - timedelta(days=1),
        reviewed_by="token-3",
    ),
)


def records(number: int) -> list[EvidenceRecord]:
    return [
        EvidenceRecord(
            evidence_id=UUID(int=(4 << 76) | (8 << 60) | index),
            analysed_at=PERIOD.start + timedelta(hours=index, microseconds=7),
            request_id=f"=cmd|' /C calc'!{index}",
            application='café, "2"',
            risk_score=41.25,
            risk_low=0.1,
            risk_high=100.0,
            level="medium",
            taxonomy="2026.11",
            detectors_required=("detect_secrets",),
            detectors_succeeded=("detect_secrets",),
            detectors_failed=(DetectorFailure("presidio_analyzer", "timeout"),),
            violated=("iso27001 A.5.17",),
            versions={"policy": "default", "policy_version": "3", "model": "smollm2:1"},
            findings=(EvidenceFinding("f1", "SECRET.ApiKey", 1.0, 0.9, "detect_secrets", "rule", 2),),
        )
        for index in range(number)
    ]


def events(number: int) -> list[AuditEvent]:
    made: list[AuditEvent] = []
    for seq in range(1, number + 1):
        told = {
            "tenant_id": TENANT,
            "seq": seq,
            "at": PERIOD.start + timedelta(hours=seq, microseconds=1),
            "actor": "'-token",
            "action": "evidence.exported",
            "subject": f"evidence-exports/{seq}",
            "detail": {"records": seq, "digest": "é"},
            "previous_hash": made[-1].hash if made else GENESIS,
        }
        made.append(AuditEvent(**told, hash=event_hash(**told)))  # type: ignore[arg-type]
    return made


class CountedFacts:
    async def of(self, tenant_id: UUID, period: Period, **_: object) -> Facts:
        del tenant_id
        looks = [
            Looks(frozenset({"secrets", "prompt_attacks"}), 10, at, at)
            for at in (period.start + timedelta(days=day) for day in range(30))
        ]
        found = LabelFacts(
            "SECRET.ApiKey", 3, 1, END - timedelta(days=1), (UUID(int=(4 << 76) | (8 << 60)),), 1
        )
        versions = [Versions("2026.11", {"policy": "default", "model": "smollm2:1"}, 300)]
        return Facts(looks, {found.label: found}, {}, versions, ASIDE)


class NoRules:
    async def chosen(self, _: UUID) -> tuple[int, ChosenRules]:
        return 0, ChosenRules()


class Source:
    def __init__(self, kept: Sequence[EvidenceRecord], log: Sequence[AuditEvent], state: ChainState) -> None:
        self.kept, self.log, self.state = list(kept), tuple(log), state

    async def count(self, *_: object) -> int:
        return len(self.kept)

    async def records(self, *_: object, most: int) -> list[EvidenceRecord]:
        return self.kept[:most]

    async def audit(self, *_: object) -> AuditExtract:
        return AuditExtract(self.log, self.state)


class Ledger:
    def __init__(self) -> None:
        self.seals: list[Seal] = []

    async def append(self, _: LedgerEntry, seal: object) -> Seal:
        before = self.seals[-1].digest() if self.seals else NOTHING
        self.seals.append(seal(len(self.seals) + 1, before))  # type: ignore[operator]
        return self.seals[-1]

    async def page(self, *_: object, **__: object) -> list[MadeExport]:
        return []


class Keys:
    async def current(self) -> EvidenceKey:
        return KEY


class Shipped:
    """Every tenant has the shipped frameworks and none of its own."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    async def of(self, _: UUID, *, within_s: float | None = None) -> Catalogue:
        del within_s
        return self._catalogue

    def up_to_date(self, _: UUID) -> bool:
        return True


def exporter(
    catalogue: Catalogue, source: Source | None = None, ledger: Ledger | None = None
) -> ExportEvidence:
    book = load_evidence_rules(SHIPPED / "evidence-rules.yaml", catalogue)
    return ExportEvidence(
        AssessControls(Shipped(catalogue), book, CountedFacts(), NoRules()),
        source or Source(records(3), events(3), ChainState(3, intact=True, broken_at=None, head="00")),
        ledger or Ledger(),
        Keys(),
        product="llama-mapper 0",
        new_id=lambda: TENANT,
    )


async def export(
    catalogue: Catalogue, form: ExportFormat, framework: str = "iso27001", source: Source | None = None
) -> ExportedFile:
    return await exporter(catalogue, source).make(CALLER, ExportOrder(framework, PERIOD, form))
