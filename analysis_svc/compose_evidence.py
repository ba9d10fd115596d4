"""Puts together what evidence means over time: the rules, and the status of controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import uuid4

from litestar import Controller
from litestar.di import Provide

from analysis_svc.adapters.audit_repository import AuditRepository
from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_facts import EvidenceFactsReader
from analysis_svc.adapters.evidence_keys import EvidenceKeys
from analysis_svc.adapters.evidence_rule_files import load_evidence_rules
from analysis_svc.adapters.evidence_rule_repository import EvidenceRuleRepository
from analysis_svc.adapters.export_ledger import ExportLedgerRepository
from analysis_svc.adapters.export_source import ExportSourceReader
from analysis_svc.adapters.rolled_hours import RolledHours
from analysis_svc.api.evidence_rules_controller import EvidenceRulesController
from analysis_svc.api.exports_controller import EvidenceKeysController, ExportsController
from analysis_svc.api.status_controller import StatusController
from analysis_svc.domain.assess_controls import AssessControls
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.change_evidence_rules import ChangeEvidenceRules
from analysis_svc.domain.exports.make_export import ExportEvidence
from analysis_svc.domain.framework_ports import Catalogues


@dataclass(frozen=True, slots=True)
class EvidenceParts:
    """What the application and other parts take from here; `rolling` is to be closed with the service."""

    handlers: Sequence[type[Controller]]
    dependencies: dict[str, Provide]
    assess_controls: AssessControls
    export_evidence: ExportEvidence
    evidence_keys: EvidenceKeys
    rolling: BackgroundWork


COUNTING_CONNECTIONS = 3
COUNTING_TIMEOUT_MS = 30_000
"""To count a year of a busy tenant takes longer than any other statement of this service may."""
_MOST_ROLLED = 1
"""Tenants whose hours this process counts at once; the others' turn comes with their next question."""


def compose_evidence(
    database: Database,
    catalogue: Catalogue,
    catalogues: Catalogues,
    audit: AuditRepository,
    *,
    key_encryption_key: str,
    product: str,
    counting: Database | None = None,
) -> EvidenceParts:
    """Build the parts.

    Args:
        database: where everything is.
        catalogue: what is shipped; the rules refer to it.
        catalogues: that and tenants' own frameworks.
        audit: the audit log, which goes into exports.
        key_encryption_key: for the keys that sign exports; empty: none are signed.
        product: name and version of this software.
        counting: connections for what takes long, so that it keeps no analysis from being stored; none:
            those of ``database``.

    Raises:
        DataFileError: the shipped rules are wrong; names file and line.
    """
    counting = counting or database
    book = load_evidence_rules(SHIPPED / "evidence-rules.yaml", catalogue)
    rules = EvidenceRuleRepository(database)
    change_rules = ChangeEvidenceRules(rules, book, catalogues)
    rolling = BackgroundWork(_MOST_ROLLED)
    facts = EvidenceFactsReader(counting, RolledHours(counting, rolling))
    assess_controls = AssessControls(catalogues, book, facts, rules)
    keys = EvidenceKeys(database, key_encryption_key=key_encryption_key)
    export_evidence = ExportEvidence(
        assess_controls,
        ExportSourceReader(counting, audit),
        ExportLedgerRepository(database),
        keys,
        product=product,
        new_id=uuid4,
    )
    return EvidenceParts(
        handlers=[StatusController, EvidenceRulesController, ExportsController, EvidenceKeysController],
        dependencies={
            "assess_controls": Provide(lambda: assess_controls, sync_to_thread=False),
            "export_evidence": Provide(lambda: export_evidence, sync_to_thread=False),
            "published_keys": Provide(lambda: keys, sync_to_thread=False),
            "change_evidence_rules": Provide(lambda: change_rules, sync_to_thread=False),
        },
        assess_controls=assess_controls,
        export_evidence=export_evidence,
        evidence_keys=keys,
        rolling=rolling,
    )
