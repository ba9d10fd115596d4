"""The composition root: the only place that sees every layer."""

import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version

from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide

from analysis_svc.adapters.analysis_events import AnalysisEventsLog
from analysis_svc.adapters.audit_repository import AuditRepository
from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.adapters.database import Database
from analysis_svc.adapters.evidence_repository import EvidenceRepository
from analysis_svc.adapters.http_client import make_http_client
from analysis_svc.adapters.metrics import Metrics
from analysis_svc.adapters.revocations import Revocations
from analysis_svc.adapters.signing_keys import RemoteSigningKeys
from analysis_svc.adapters.structured_log import configure_logging
from analysis_svc.adapters.subject_hash import KeyedSubjectHash
from analysis_svc.adapters.token_verifier import TokenVerifier
from analysis_svc.adapters.tracing import ExporterError, make_tracer_provider, trace_client, trace_requests
from analysis_svc.adapters.valkey import make_valkey
from analysis_svc.adapters.yaml_entry import DataFileError
from analysis_svc.api.analyze_controller import AnalyzeController
from analysis_svc.api.audit_controller import AuditController
from analysis_svc.api.evidence_controller import EvidenceController
from analysis_svc.api.guards import Verifier, provide_principal
from analysis_svc.api.health import HealthController, Probe, ReadinessCheck
from analysis_svc.api.openapi_document import ExactStructs, docs_assets, openapi_config
from analysis_svc.api.problems import EXCEPTION_HANDLERS
from analysis_svc.api.request_context import with_request_context
from analysis_svc.api.strict_request import StrictRequest
from analysis_svc.compose_dashboard import compose_dashboard
from analysis_svc.compose_evidence import COUNTING_CONNECTIONS, COUNTING_TIMEOUT_MS, compose_evidence
from analysis_svc.compose_frameworks import CONTROLLERS as FRAMEWORKS
from analysis_svc.compose_frameworks import compose_frameworks
from analysis_svc.compose_idempotency import compose_idempotency
from analysis_svc.compose_insights import CONTROLLERS as INSIGHTS
from analysis_svc.compose_insights import compose_insights
from analysis_svc.compose_knowledge import CONTROLLERS as KNOWLEDGE
from analysis_svc.compose_knowledge import compose_knowledge
from analysis_svc.compose_plugins import PLUGIN_CONTROLLERS, compose_plugins
from analysis_svc.compose_reports import compose_reports
from analysis_svc.compose_retention import RETENTION_CONTROLLERS, retention_dependencies
from analysis_svc.domain.analyze_requests import AnalyzeRequests
from analysis_svc.domain.background_work import BackgroundWork
from analysis_svc.domain.ports import EvidenceStore
from analysis_svc.settings import Settings, SettingsError, read_settings

SERVICE = "analysis_svc"
VERSION = version("llama-mapper")


def create_app(
    settings: Settings, *, verifier: Verifier | None = None, evidence: EvidenceStore | None = None
) -> Litestar:
    """Build the application.

    Args:
        settings: all of them.
        verifier: stands in for the token verifier in tests.
        evidence: stands in for the evidence store in tests.

    Raises:
        DataFileError: the data that the analysis lives on is wrong; names file and line.
    """
    catalogue = load_catalogue(settings.taxonomy)
    metrics = Metrics()
    plugins = compose_plugins(settings, catalogue, metrics)
    catalogue = plugins.catalogue
    tracing = make_tracer_provider(SERVICE, VERSION, os.environ)
    database = Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        statement_timeout_ms=settings.database_statement_timeout_ms,
    )
    valkey = make_valkey(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
    client = trace_client(
        make_http_client(timeout_s=settings.http_timeout_ms / 1000, max_connections=20), tracing
    )
    subject_hash = KeyedSubjectHash(settings.subject_key)
    evidence = evidence or EvidenceRepository(database)
    audit = AuditRepository(database)
    frameworks = compose_frameworks(database, catalogue)
    knowledge = compose_knowledge(settings, database)
    signing_keys = RemoteSigningKeys(client, settings.orchestration_url)
    # Without the issuer's keys every call is refused; a verifier that stands in needs none.
    token_probes = () if verifier else (Probe("signing_keys", signing_keys.ensure_known, critical=True),)
    verifier = verifier or TokenVerifier(
        signing_keys,
        Revocations(valkey, client, settings.orchestration_url),
        issuer=settings.issuer,
        audience=SERVICE,
    )
    counting = Database(
        settings.database_url, pool_size=COUNTING_CONNECTIONS, statement_timeout_ms=COUNTING_TIMEOUT_MS
    )
    insights = compose_insights(counting, catalogue, evidence, metrics)
    evidence_parts = compose_evidence(
        database,
        catalogue,
        frameworks.catalogues,
        audit,
        key_encryption_key=settings.key_encryption_key,
        product=f"llama-mapper {VERSION}",
        counting=counting,
    )
    reports = compose_reports(
        settings,
        database,
        catalogue,
        metrics,
        catalogues=frameworks.catalogues,
        evidence=evidence_parts,
        insights=insights,
    )
    dashboard = compose_dashboard(settings, valkey, verifier)
    answered_once = compose_idempotency(database, key_encryption_key=settings.key_encryption_key)
    background = BackgroundWork()
    analyze_requests = AnalyzeRequests(
        frameworks.catalogues,
        evidence,
        AnalysisEventsLog(metrics, insights.watch_incidents.noticed),
        background,
        subject_hash,
        plugins.engines,
    )

    async def ping_valkey() -> None:
        await valkey.ping()

    readiness = ReadinessCheck(
        (
            # Without Postgres analyses are still answered; each says that its evidence was not kept.
            Probe("postgres", database.ping, critical=False),
            Probe("valkey", ping_valkey, critical=False),
            *token_probes,
        )
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            # Closed in reverse; one that fails to close keeps none of the others open.
            stack.callback(tracing.shutdown)
            stack.push_async_callback(database.close)
            stack.push_async_callback(counting.close)
            stack.push_async_callback(knowledge.close)
            stack.push_async_callback(dashboard.close)
            stack.push_async_callback(valkey.aclose)
            stack.push_async_callback(client.aclose)
            stack.push_async_callback(background.close)
            stack.push_async_callback(insights.watch_incidents.close)
            stack.push_async_callback(evidence_parts.rolling.close)
            stack.callback(insights.close)
            stack.push_async_callback(frameworks.close)
            if settings.metrics_port:
                stack.callback(metrics.serve(settings.metrics_host, settings.metrics_port).close)
            await database.warm_up()
            if settings.index_catalogues:
                background.start(knowledge.keep_shipped(catalogue))
            yield

    app = Litestar(
        route_handlers=[
            AnalyzeController,
            AuditController,
            EvidenceController,
            HealthController,
            *RETENTION_CONTROLLERS,
            *PLUGIN_CONTROLLERS,
            *evidence_parts.handlers,
            *reports.handlers,
            docs_assets(),
            *FRAMEWORKS,
            *INSIGHTS,
            *KNOWLEDGE,
            *dashboard.routers,
        ],
        dependencies={
            **evidence_parts.dependencies,
            **reports.dependencies,
            "principal": Provide(provide_principal, sync_to_thread=False),
            "analyze_requests": Provide(lambda: analyze_requests, sync_to_thread=False),
            "answered_once": Provide(lambda: answered_once, sync_to_thread=False),
            "audit": Provide(lambda: audit, sync_to_thread=False),
            "catalogue": Provide(lambda: catalogue, sync_to_thread=False),
            "evidence": Provide(lambda: evidence, sync_to_thread=False),
            **retention_dependencies(database, subject_hash),
            **plugins.dependencies(),
            "readiness": Provide(lambda: readiness, sync_to_thread=False),
            **frameworks.dependencies(),
            **insights.dependencies(),
            **knowledge.dependencies(),
        },
        state=State(
            {
                "verifier": verifier,
                "metrics": metrics,
                "web_sessions": dashboard.sessions,
                "job_worker": reports.worker,
            }
        ),
        exception_handlers=EXCEPTION_HANDLERS,
        request_class=StrictRequest,
        request_max_body_size=settings.max_body_bytes,
        openapi_config=openapi_config(VERSION),
        plugins=[ExactStructs()],
        lifespan=[lifespan],
        logging_config=None,
    )
    # Around everything, so that answers which no route gives (404, 405) have their correlation id too.
    app.asgi_handler = trace_requests(with_request_context(app.asgi_handler, metrics), tracing)
    return app


def from_env() -> Litestar:
    """Build the application from the environment; what the server process calls."""
    try:
        settings = read_settings(os.environ)
        configure_logging(settings.log_level)
        app = create_app(settings)
    except (SettingsError, DataFileError, ExporterError) as error:
        sys.exit(f"{SERVICE}: {error}")
    # What was loaded stays for good. Looking through it at each full collection would hold up every request
    # under way for some 200 ms whenever a large answer is built.
    gc.collect()
    gc.freeze()
    return app
