"""Puts the insights together: what looks at stored evidence over time."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from litestar.di import Provide

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.insights.event_source import EventRepository
from analysis_svc.adapters.insights.incident_repository import IncidentRepository
from analysis_svc.adapters.insights.risk_facts import RiskFactsRepository
from analysis_svc.adapters.insights.statistics_process import StatisticsProcess
from analysis_svc.api.incidents_controller import IncidentsController
from analysis_svc.api.patterns_controller import PatternsController
from analysis_svc.api.risk_controller import RiskController
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.insights.handle_incidents import Incidents
from analysis_svc.domain.insights.patterns_over_time import PatternsOverTime
from analysis_svc.domain.insights.risk_history import RiskHistory

CONTROLLERS = (IncidentsController, PatternsController, RiskController)


@dataclass(frozen=True, slots=True)
class Insights:
    """The use cases."""

    risk_history: RiskHistory
    incidents: Incidents
    patterns_over_time: PatternsOverTime
    statistics: StatisticsProcess

    def dependencies(self) -> Mapping[str, Provide]:
        """Return what handlers ask for by name."""
        return {
            "risk_history": Provide(lambda: self.risk_history, sync_to_thread=False),
            "incidents": Provide(lambda: self.incidents, sync_to_thread=False),
            "patterns_over_time": Provide(lambda: self.patterns_over_time, sync_to_thread=False),
        }


def compose_insights(database: Database, catalogue: Catalogue) -> Insights:
    """Put the insights together on the service's database."""
    statistics = StatisticsProcess()
    return Insights(
        risk_history=RiskHistory(RiskFactsRepository(database)),
        incidents=Incidents(IncidentRepository(database, catalogue.taxonomy), lambda: datetime.now(UTC)),
        patterns_over_time=PatternsOverTime(EventRepository(database), statistics),
        statistics=statistics,
    )
