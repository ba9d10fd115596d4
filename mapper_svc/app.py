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

from mapper_svc.adapters.audit_repository import AuditRepository
from mapper_svc.adapters.database import Database
from mapper_svc.adapters.decision_repository import DecisionRepository
from mapper_svc.adapters.http_client import make_http_client
from mapper_svc.adapters.mapping_events import MappingEventsLog
from mapper_svc.adapters.marked_yaml import DataFaultError
from mapper_svc.adapters.metrics import Metrics
from mapper_svc.adapters.model_fleet import ModelFleet
from mapper_svc.adapters.model_tier import ModelTier
from mapper_svc.adapters.plugin_host import PluginHost
from mapper_svc.adapters.plugin_points import installed_plugins
from mapper_svc.adapters.review_repository import ReviewRepository
from mapper_svc.adapters.revocations import Revocations
from mapper_svc.adapters.settings_repository import SettingsRepository
from mapper_svc.adapters.signing_keys import RemoteSigningKeys
from mapper_svc.adapters.structured_log import configure_logging
from mapper_svc.adapters.taxonomy_files import available_editions
from mapper_svc.adapters.tenant_settings_cache import CachedTenantSettings
from mapper_svc.adapters.token_verifier import TokenVerifier
from mapper_svc.adapters.tracing import ExporterError, make_tracer_provider, trace_client, trace_requests
from mapper_svc.adapters.valkey import make_valkey
from mapper_svc.adapters.vendor_files import load_catalogue, vendors_hash
from mapper_svc.api.audit_controller import AuditController
from mapper_svc.api.guards import Verifier, provide_principal
from mapper_svc.api.health import HealthController, Probe, ReadinessCheck
from mapper_svc.api.map_controller import MapController
from mapper_svc.api.models_controller import ModelsController
from mapper_svc.api.openapi_document import ExactStructs, docs_assets, openapi_config
from mapper_svc.api.plugins_controller import PluginsController
from mapper_svc.api.problems import EXCEPTION_HANDLERS
from mapper_svc.api.request_context import with_request_context
from mapper_svc.api.review_controller import ReviewController
from mapper_svc.api.settings_controller import SettingsController
from mapper_svc.api.strict_request import StrictRequest
from mapper_svc.api.taxonomy_controller import TaxonomyController
from mapper_svc.domain.background_work import BackgroundWork
from mapper_svc.domain.change_settings import ChangeSettings
from mapper_svc.domain.decide_labels import DecideLabels
from mapper_svc.domain.map_request import MapRequests
from mapper_svc.domain.mapping_version import MappingVersions
from mapper_svc.domain.ports import ReviewQueue
from mapper_svc.settings import Settings, SettingsError, read_settings

SERVICE = "mapper_svc"
VERSION = version("llama-mapper")


def create_app(
    settings: Settings, *, verifier: Verifier | None = None, review: ReviewQueue | None = None
) -> Litestar:
    """Build the application.

    Args:
        settings: all of them.
        verifier: stands in for the token verifier in tests.
        review: stands in for the review queue in tests.

    Raises:
        DataFaultError: the data that the mapper lives on is wrong; names file and line.
    """
    catalogue = load_catalogue(settings.taxonomy)
    metrics = Metrics()
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
    review = review or ReviewRepository(database, settings.taxonomy)
    decide_labels = DecideLabels(DecisionRepository(database), catalogue.taxonomy)
    audit = AuditRepository(database)
    signing_keys = RemoteSigningKeys(client, settings.orchestration_url)
    # Without the issuer's keys every call is refused; a verifier that stands in needs none.
    token_probes = () if verifier else (Probe("signing_keys", signing_keys.ensure_known, critical=True),)
    verifier = verifier or TokenVerifier(
        signing_keys,
        Revocations(valkey, client, settings.orchestration_url),
        issuer=settings.issuer,
        audience=SERVICE,
    )
    background = BackgroundWork()
    settings_store = SettingsRepository(database)
    # Its own, so that settings and the review queue do not take each other's room when Postgres is silent.
    settings_work = BackgroundWork()
    tenant_settings = CachedTenantSettings(settings_store, valkey, metrics, settings_work)
    models = ModelFleet(
        settings, catalogue.taxonomy, database=database, valkey=valkey, tracing=tracing, metrics=metrics
    )
    change_settings = ChangeSettings(
        settings_store, tenant_settings, catalogue.taxonomy, models_threshold=models.threshold_of
    )
    installed = installed_plugins(disabled={name.strip() for name in settings.disabled_plugins.split(",")})
    plugins = PluginHost(
        installed,
        catalogue,
        metrics,
        limit_s=settings.plugin_timeout_ms / 1000,
    )
    events = MappingEventsLog(metrics)
    model_tier = ModelTier(
        settings, catalogue.taxonomy, router=models.router, valkey=valkey, metrics=metrics, events=events
    )
    mapping_versions = MappingVersions(
        (
            VERSION,
            catalogue.taxonomy.content_hash,
            vendors_hash(),
            *(f"{one.kind}/{one.name}/{one.distribution}/{one.why}" for one in installed),
        ),
        tenant_settings,
        models.router,
    )
    map_requests = MapRequests(
        catalogue,
        review,
        events,
        background,
        plugins,
        tenant_settings=tenant_settings,
        ask_model=model_tier.ask,
        versions=mapping_versions,
    )
    editions = available_editions()

    async def ping_valkey() -> None:
        await valkey.ping()

    readiness = ReadinessCheck(
        (
            Probe("postgres", database.ping, critical=False),  # rules need no database; only review does
            Probe("valkey", ping_valkey, critical=False),
            Probe("model", models.check, critical=False),  # rules go on without it
            *token_probes,
        )
    )

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            # Closed in reverse; one that fails to close keeps none of the others open.
            stack.callback(tracing.shutdown)
            stack.push_async_callback(database.close)
            stack.push_async_callback(valkey.aclose)
            stack.push_async_callback(client.aclose)
            stack.push_async_callback(background.close)
            stack.push_async_callback(settings_work.close)
            if settings.metrics_port:
                stack.callback(metrics.serve(settings.metrics_host, settings.metrics_port).close)
            settings_work.start(tenant_settings.follow())
            await stack.enter_async_context(models.running())
            await stack.enter_async_context(model_tier.running())
            await database.warm_up()
            yield

    app = Litestar(
        route_handlers=[
            MapController,
            TaxonomyController,
            ReviewController,
            AuditController,
            SettingsController,
            PluginsController,
            ModelsController,
            HealthController,
            docs_assets(),
        ],
        dependencies={
            "principal": Provide(provide_principal, sync_to_thread=False),
            "map_requests": Provide(lambda: map_requests, sync_to_thread=False),
            "mapping_versions": Provide(lambda: mapping_versions, sync_to_thread=False),
            "taxonomy": Provide(lambda: catalogue.taxonomy, sync_to_thread=False),
            "editions": Provide(lambda: editions, sync_to_thread=False),
            "review": Provide(lambda: review, sync_to_thread=False),
            "decide_labels": Provide(lambda: decide_labels, sync_to_thread=False),
            "change_settings": Provide(lambda: change_settings, sync_to_thread=False),
            "registry": Provide(lambda: models.registry, sync_to_thread=False),
            "reports": Provide(lambda: models.reports, sync_to_thread=False),
            "feedback": Provide(lambda: models.feedback, sync_to_thread=False),
            "plugins": Provide(lambda: plugins, sync_to_thread=False),
            "audit": Provide(lambda: audit, sync_to_thread=False),
            "readiness": Provide(lambda: readiness, sync_to_thread=False),
        },
        state=State({"verifier": verifier, "metrics": metrics}),
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
    except (SettingsError, DataFaultError, ExporterError) as error:
        sys.exit(f"{SERVICE}: {error}")
    # What was loaded stays for good. Looking through it at each full collection would hold up every request
    # under way for some 200 ms whenever a large answer is built.
    gc.collect()
    gc.freeze()
    return app
