"""Puts the insights together: what looks at stored evidence over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from litestar.di import Provide

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.coverage_facts import CoverageFactsRepository
from analysis_svc.adapters.insights.event_source import EventRepository
from analysis_svc.adapters.insights.feedback_repository import FeedbackRepository
from analysis_svc.adapters.insights.incident_repository import IncidentRepository
from analysis_svc.adapters.insights.quality_evaluations import QualityEvaluations
from analysis_svc.adapters.insights.quality_facts import QualityFactsRepository
from analysis_svc.adapters.insights.rego_process import RegoProcess, load_policies
from analysis_svc.adapters.insights.risk_facts import RiskFactsRepository
from analysis_svc.adapters.insights.statistics_process import StatisticsProcess
from analysis_svc.adapters.insights.stored_decisions import StoredDecisionsRepository
from analysis_svc.adapters.metrics import Metrics
from analysis_svc.api.advice_controller import AdviceController
from analysis_svc.api.feedback_controller import FeedbackController
from analysis_svc.api.incidents_controller import IncidentsController
from analysis_svc.api.patterns_controller import PatternsController
from analysis_svc.api.quality_controller import QualityController
from analysis_svc.api.risk_controller import RiskController
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.insights.advice import GiveAdvice
from analysis_svc.domain.insights.feedback import FeedbackOnFindings
from analysis_svc.domain.insights.handle_incidents import Incidents
from analysis_svc.domain.insights.patterns_over_time import PatternsOverTime
from analysis_svc.domain.insights.quality import EvaluationStore, Quality
from analysis_svc.domain.insights.rego_advice import WeighRego
from analysis_svc.domain.insights.risk_history import RiskHistory
from analysis_svc.domain.insights.watch_incidents import WatchIncidents
from analysis_svc.domain.ports import EvidenceStore

CONTROLLERS = (
    AdviceController,
    FeedbackController,
    IncidentsController,
    PatternsController,
    QualityController,
    RiskController,
)


@dataclass(frozen=True, slots=True)
class Insights:
    """The use cases."""

    risk_history: RiskHistory
    incidents: Incidents
    patterns_over_time: PatternsOverTime
    feedback: FeedbackOnFindings
    give_advice: GiveAdvice
    quality: Quality
    quality_evaluations: EvaluationStore
    statistics: StatisticsProcess
    watch_incidents: WatchIncidents
    rego: RegoProcess

    def dependencies(self) -> Mapping[str, Provide]:
        """Return what handlers ask for by name."""
        return {
            "risk_history": Provide(lambda: self.risk_history, sync_to_thread=False),
            "incidents": Provide(lambda: self.incidents, sync_to_thread=False),
            "feedback": Provide(lambda: self.feedback, sync_to_thread=False),
            "give_advice": Provide(lambda: self.give_advice, sync_to_thread=False),
            "quality": Provide(lambda: self.quality, sync_to_thread=False),
            "quality_evaluations": Provide(lambda: self.quality_evaluations, sync_to_thread=False),
            "patterns_over_time": Provide(lambda: self.patterns_over_time, sync_to_thread=False),
        }

    def close(self) -> None:
        """End the processes that compute."""
        self.statistics.close()
        self.rego.close()


def compose_insights(
    database: Database, catalogue: Catalogue, evidence: EvidenceStore, metrics: Metrics
) -> Insights:
    """Put the insights together on the service's database.

    Raises:
        DataFileError: a shipped policy is wrong.
    """
    rego, policies = RegoProcess(), load_policies(SHIPPED / "policies")
    statistics, quality_facts = StatisticsProcess(), QualityFactsRepository(database)
    incidents = IncidentRepository(database, catalogue.taxonomy, metrics.incident_opened)
    return Insights(
        risk_history=RiskHistory(RiskFactsRepository(database)),
        incidents=Incidents(incidents, _now),
        watch_incidents=WatchIncidents(incidents, _now),
        patterns_over_time=PatternsOverTime(EventRepository(database), statistics),
        feedback=FeedbackOnFindings(FeedbackRepository(database), evidence, catalogue.taxonomy, _now),
        quality_evaluations=QualityEvaluations(database),
        give_advice=GiveAdvice(
            CoverageFactsRepository(database),
            quality_facts,
            WeighRego(StoredDecisionsRepository(database), rego, policies),
        ),
        quality=Quality(quality_facts),
        statistics=statistics,
        rego=rego,
    )


def _now() -> datetime:
    return datetime.now(UTC)
