"""Puts reports together: what the API uses, and what a worker runs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from litestar import Controller
from litestar.di import Provide

from analysis_svc.adapters.database import Database
from analysis_svc.adapters.fault_log import FaultLog
from analysis_svc.adapters.job_queue import JobQueue, JobTask, queue_app
from analysis_svc.adapters.job_worker import Handler, JobWorker
from analysis_svc.adapters.metrics import Metrics
from analysis_svc.adapters.reports.render import ReportRenderer
from analysis_svc.adapters.reports.report_repository import ReportRepository
from analysis_svc.adapters.reports.schedule_repository import ScheduleRepository
from analysis_svc.adapters.reports.signer import EvidenceKeySigner
from analysis_svc.adapters.reports.stored_facts import StoredFactsRepository
from analysis_svc.api.report_schedules_controller import ReportSchedulesController
from analysis_svc.api.reports_controller import ReportsController
from analysis_svc.compose_evidence import EvidenceParts
from analysis_svc.compose_insights import Insights
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.framework_ports import Catalogues
from analysis_svc.domain.reports.gather_content import GatherContent
from analysis_svc.domain.reports.make_report import MakeReport
from analysis_svc.domain.reports.manage_reports import Frameworks, ManageReports
from analysis_svc.settings import Settings

# A report keeps one processor busy; more workers are more processes.
_AT_ONCE = 1


@dataclass(frozen=True, slots=True)
class ReportParts:
    """What the application and the worker take from here; the worker does nothing until it is run."""

    handlers: Sequence[type[Controller]]
    dependencies: dict[str, Provide]
    manage_reports: ManageReports
    worker: JobWorker


def compose_reports(
    settings: Settings,
    database: Database,
    catalogue: Catalogue,
    metrics: Metrics,
    *,
    catalogues: Catalogues,
    evidence: EvidenceParts,
    insights: Insights,
) -> ReportParts:
    """Put it together."""
    app = queue_app(settings.database_url, connections=_AT_ONCE + 2)
    queue = JobQueue(app)
    signs = bool(settings.key_encryption_key)
    signer = EvidenceKeySigner(evidence.evidence_keys if signs else None)
    renderer = ReportRenderer(signer, signs=signs)
    reports = ReportRepository(database, queue)
    manage = ManageReports(
        reports,
        ScheduleRepository(database, queue),
        renderer,
        _frameworks_of(catalogues),
        lambda: datetime.now(UTC),
    )
    gather = GatherContent(
        StoredFactsRepository(database, catalogue.taxonomy),
        evidence.assess_controls,
        insights.risk_history,
        insights.incidents,
        insights.patterns_over_time,
    )
    make = MakeReport(
        reports, gather, renderer, signer, evidence.export_evidence, events=metrics, faults=FaultLog()
    )
    handlers: dict[JobTask, Handler] = {JobTask.MAKE_REPORT: make, JobTask.FIRE_SCHEDULE: manage.fire}
    return ReportParts(
        handlers=(ReportsController, ReportSchedulesController),
        dependencies={"manage_reports": Provide(lambda: manage, sync_to_thread=False)},
        manage_reports=manage,
        worker=JobWorker(app, handlers, at_once=_AT_ONCE, silent_s=settings.worker_silent_s),
    )


def _frameworks_of(catalogues: Catalogues) -> Frameworks:
    async def ids(tenant_id: UUID) -> Collection[str]:
        return (await catalogues.of(tenant_id)).frameworks.keys()

    return ids
