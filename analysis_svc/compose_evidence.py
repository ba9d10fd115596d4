"""Puts together what evidence means over time: the rules, and the status of controls."""

from collections.abc import Sequence
from dataclasses import dataclass

from litestar import Controller
from litestar.di import Provide

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_facts import EvidenceFactsReader
from analysis_svc.adapters.evidence_rule_files import load_evidence_rules
from analysis_svc.adapters.evidence_rule_repository import EvidenceRuleRepository
from analysis_svc.api.evidence_rules_controller import EvidenceRulesController
from analysis_svc.api.status_controller import StatusController
from analysis_svc.domain.assess_controls import AssessControls
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.change_evidence_rules import ChangeEvidenceRules


@dataclass(frozen=True, slots=True)
class EvidenceParts:
    """What the application and other parts take from here."""

    handlers: Sequence[type[Controller]]
    dependencies: dict[str, Provide]
    assess_controls: AssessControls


def compose_evidence(database: Database, catalogue: Catalogue) -> EvidenceParts:
    """Build the parts.

    Raises:
        DataFileError: the shipped rules are wrong; names file and line.
    """
    book = load_evidence_rules(SHIPPED / "evidence-rules.yaml", catalogue)
    rules = EvidenceRuleRepository(database)
    change_rules = ChangeEvidenceRules(rules, book, catalogue)
    assess_controls = AssessControls(catalogue, book, EvidenceFactsReader(database), rules)
    return EvidenceParts(
        handlers=[StatusController, EvidenceRulesController],
        dependencies={
            "assess_controls": Provide(lambda: assess_controls, sync_to_thread=False),
            "change_evidence_rules": Provide(lambda: change_rules, sync_to_thread=False),
        },
        assess_controls=assess_controls,
    )
