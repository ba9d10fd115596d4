"""The composition root: the only place that sees every layer."""

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import version
from urllib.parse import urlsplit

import httpx
from litestar import Litestar
from litestar.datastructures import State
from litestar.di import Provide
from redis.asyncio import Redis

from orchestration_svc.adapters.access import make_access
from orchestration_svc.adapters.analysis_client import HttpAnalysisClient
from orchestration_svc.adapters.audit_repository import AuditRepository
from orchestration_svc.adapters.clock import SystemClock
from orchestration_svc.adapters.database import Database
from orchestration_svc.adapters.detector_fleet import DetectorFleet, build_fleet
from orchestration_svc.adapters.detectors.fms_http import HttpDetectorConfig, read_http_detectors
from orchestration_svc.adapters.downstream_call import DownstreamCall
from orchestration_svc.adapters.fault_log import FaultLog
from orchestration_svc.adapters.hedged_detectors import HedgeError, read_hedged
from orchestration_svc.adapters.http_calls import HttpCalls
from orchestration_svc.adapters.http_client import make_http_client
from orchestration_svc.adapters.job_webhooks import HttpWebhookSender
from orchestration_svc.adapters.jobs import make_jobs
from orchestration_svc.adapters.joint_check import JointCheck
from orchestration_svc.adapters.mapper_client import HttpMapperClient
from orchestration_svc.adapters.mapper_versions import MappingVersionSource
from orchestration_svc.adapters.metrics import Metrics
from orchestration_svc.adapters.outgoing_calls import make_outgoing_calls
from orchestration_svc.adapters.policies import make_policies
from orchestration_svc.adapters.policy_shipped import ShippedPolicyError
from orchestration_svc.adapters.registered_detectors import ContainedFleet, RegisteredDetectors
from orchestration_svc.adapters.response_caching import ResponseCaching
from orchestration_svc.adapters.service_tokens import ServiceTokens
from orchestration_svc.adapters.structured_log import configure_logging
from orchestration_svc.adapters.tenant_rules import TenantRules
from orchestration_svc.adapters.token_verifier import TokenVerifier
from orchestration_svc.adapters.tracing import (
    ExporterError,
    make_tracer_provider,
    trace_client,
    trace_requests,
)
from orchestration_svc.adapters.valkey import make_valkey
from orchestration_svc.api.audit_controller import AuditController
from orchestration_svc.api.compat_fms import FmsController
from orchestration_svc.api.compat_litellm import LitellmController
from orchestration_svc.api.compat_openai import OpenaiController
from orchestration_svc.api.detectors_controller import DetectorsController
from orchestration_svc.api.guards import Verifier, provide_principal
from orchestration_svc.api.health import HealthController, Probe, ReadinessCheck
from orchestration_svc.api.jobs_controller import JobsController
from orchestration_svc.api.jobs_wire import WireRenderer
from orchestration_svc.api.keys_controller import KeysController
from orchestration_svc.api.limit_requests import with_limits
from orchestration_svc.api.now_or_later import NowOrLater
from orchestration_svc.api.openapi_document import ExactStructs, docs_assets, openapi_config
from orchestration_svc.api.orchestrate_controller import OrchestrateController, Orchestrating
from orchestration_svc.api.policies_controller import PoliciesController
from orchestration_svc.api.problems import EXCEPTION_HANDLERS
from orchestration_svc.api.request_context import with_request_context
from orchestration_svc.api.settings_controller import SettingsController
from orchestration_svc.api.strict_request import StrictRequest
from orchestration_svc.api.tenants_controller import TenantsController
from orchestration_svc.api.well_known_controller import WellKnownController
from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from orchestration_svc.domain.detection import DetectorDirectory, ReadyState
from orchestration_svc.domain.job_items import AnswerItem
from orchestration_svc.domain.job_projection import Projection
from orchestration_svc.domain.look_at_texts import LookAtTexts
from orchestration_svc.domain.orchestrate import Orchestrate
from orchestration_svc.domain.policy_enforcement import PolicyEnforcement
from orchestration_svc.domain.ports import AnalysisClient, MapperClient
from orchestration_svc.settings import Settings, SettingsError, read_settings

SERVICE = "orchestration_svc"
VERSION = version("llama-mapper")


class NoDetectorReadyError(Exception):
    """The detectors are still starting, or not one of them can take a call."""


def create_app(
    settings: Settings,
    *,
    verifier: Verifier | None = None,
    directory: DetectorDirectory | None = None,
    mapper: MapperClient | None = None,
    analysis: AnalysisClient | None = None,
    mapping_versions: MappingVersionSource | None = None,
) -> Litestar:
    """Build the application.

    Args:
        settings: all of them.
        verifier: stands in for the token verifier in tests.
        directory: stands in for the installed detectors in tests.
        mapper: stands in for mapper_svc in tests.
        analysis: stands in for analysis_svc in tests.
        mapping_versions: stands in for what mapper_svc says of its versions in tests.

    Raises:
        SettingsError: a detector is configured wrongly.
        ShippedPolicyError: the shipped policies are wrong.
    """
    metrics = Metrics()
    tracing = make_tracer_provider(SERVICE, VERSION, os.environ)
    database = Database(
        settings.database_url,
        pool_size=settings.database_pool_size,
        statement_timeout_ms=settings.database_statement_timeout_ms,
    )
    valkey = make_valkey(settings.redis_url, timeout_ms=settings.redis_timeout_ms)
    client = trace_client(make_http_client(timeout_s=5, max_connections=20), tracing)
    configured = _configured(settings)
    outgoing = make_outgoing_calls(
        settings.outbound_hosts, (urlsplit(one.base_url).netloc for one in configured), tracing
    )
    access = make_access(
        database, valkey, key_encryption_key=settings.key_encryption_key, issuer=settings.issuer
    )
    tokens = ServiceTokens(access.key_ring)
    fleet = None if directory else _fleet(settings, configured, outgoing.configured)
    if fleet is not None:
        directory = ContainedFleet(fleet, metrics, probed=[one.name for one in configured])
    assert directory is not None  # noqa: S101 - tells the type checker what the lines above say
    registered = RegisteredDetectors(
        directory,
        database=database,
        valkey=valkey,
        client=outgoing.named,
        rule=outgoing.rule,
        events=metrics,
    )
    policies = make_policies(
        database,
        valkey,
        client,
        timeout_s=settings.policy_timeout_ms / 1000,
        opa_url=settings.opa_url,
        opa_token=settings.opa_token,
        opa_timeout_s=settings.opa_timeout_ms / 1000,
    )
    rules = TenantRules(settings, database, valkey, metrics, policies.source)
    http_mapper = HttpMapperClient(
        DownstreamCall(outgoing.services, tokens, url=settings.mapper_url, audience="mapper_svc", scope="map")
    )
    caching = ResponseCaching(
        settings, rules.settings, mapping_versions or http_mapper, metrics, release=VERSION
    )
    orchestrate = Orchestrate(
        directory=registered.directory,
        policies=PolicyEnforcement(policies.source, metrics),
        mapper=mapper or http_mapper,
        analysis=analysis
        or HttpAnalysisClient(
            DownstreamCall(
                outgoing.services,
                tokens,
                url=settings.analysis_url,
                audience="analysis_svc",
                scope="analyze",
            )
        ),
        events=metrics,
        clock=SystemClock(),
        cache=caching.cache,
    )
    jobs = make_jobs(
        settings,
        database,
        access,
        orchestrate=orchestrate,
        renderer=WireRenderer(VERSION),
        events=metrics,
        webhooks=HttpWebhookSender(outgoing.named, outgoing.rule, hosts=_listed(settings.webhook_hosts)),
        tenant_limits=rules.limits,
    )
    now_or_later = NowOrLater(
        orchestrate=orchestrate,
        # Answers of jobs are stored, and hold no text; these go to the caller alone.
        answer_item=AnswerItem(orchestrate, WireRenderer(VERSION, with_text=True), FaultLog()),
        manage_jobs=jobs.manage,
        metrics=metrics,
        projection=Projection(),
        max_content_bytes=settings.max_content_bytes,
        version=VERSION,
    )
    tokens_in = TokenVerifier(access.key_ring, access.revocations, issuer=settings.issuer, audience=SERVICE)
    look_at_texts = LookAtTexts(orchestrate, rules.settings, metrics, settings.max_content_bytes)

    readiness = _readiness(settings, database, valkey, client, tokens, directory, fleet)

    @asynccontextmanager
    async def lifespan(_: Litestar) -> AsyncIterator[None]:
        async with AsyncExitStack() as stack:
            # Closed in reverse; one that fails to close keeps none of the others open.
            stack.callback(tracing.shutdown)
            stack.push_async_callback(database.close)
            stack.push_async_callback(valkey.aclose)
            stack.push_async_callback(client.aclose)
            stack.push_async_callback(outgoing.aclose)
            if settings.metrics_port:
                stack.callback(metrics.serve(settings.metrics_host, settings.metrics_port).close)
            await database.warm_up()
            await stack.enter_async_context(rules.running())
            await stack.enter_async_context(caching.running())
            if fleet:
                fleet.start()
                stack.push_async_callback(fleet.close)
            await stack.enter_async_context(registered.running())
            policies.sandbox.start()
            stack.push_async_callback(policies.close)
            listening = asyncio.create_task(policies.source.follow())
            stack.push_async_callback(_ended, listening)
            publishing = asyncio.create_task(access.revocations.keep_published())
            stack.push_async_callback(_ended, publishing)
            yield

    app = Litestar(
        route_handlers=[
            OrchestrateController,
            JobsController,
            DetectorsController,
            PoliciesController,
            KeysController,
            TenantsController,
            AuditController,
            SettingsController,
            FmsController,
            OpenaiController,
            LitellmController,
            WellKnownController,
            HealthController,
            docs_assets(),
        ],
        dependencies={"principal": Provide(provide_principal, sync_to_thread=False)}
        | _given(
            orchestrating=Orchestrating(now_or_later, rules.settings, jobs.idempotency),
            manage_jobs=jobs.manage,
            idempotency=jobs.idempotency,
            directory=registered.directory,
            detector_registry=registered.registry,
            registered_versions=registered.kept,
            change_policies=policies.changes,
            shared_policies=policies.shared,
            keys=access.keys,
            tenants=access.tenants,
            audit=AuditRepository(database),
            change_settings=rules.change,
            look_at_texts=look_at_texts,
            public_keys=access.key_ring,
            revoked_list=access.revocations,
            service_version=VERSION,
            readiness=readiness,
        ),
        state=State(
            {
                "verifier": verifier or tokens_in,
                "joint_check": None
                if verifier
                else JointCheck(tokens_in, access.revocations, rules.limiter, rules.limits),
                "metrics": metrics,
                "limiter": rules.limiter,
                "tenant_limits": rules.limits,
                "job_worker": jobs.worker,
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
    app.asgi_handler = trace_requests(
        with_request_context(with_limits(app.asgi_handler, rules.limiter), metrics), tracing
    )
    return app


async def _ended(task: "asyncio.Task[None]") -> None:
    # More than once: the database driver may swallow a cancellation that comes while it connects.
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=0.5)


def _given(**values: object) -> dict[str, Provide]:
    return {name: _always(value) for name, value in values.items()}


def _always(value: object) -> Provide:
    return Provide(lambda: value, sync_to_thread=False)


def _readiness(
    settings: Settings,
    database: Database,
    valkey: Redis,
    client: httpx.AsyncClient,
    tokens: ServiceTokens,
    directory: DetectorDirectory,
    fleet: DetectorFleet | None,
) -> ReadinessCheck:
    async def ping_valkey() -> None:
        await valkey.ping()

    async def detectors_are_ready() -> None:
        # Until each has come up once, answers would be partial for no reason but impatience.
        starting = fleet is not None and not fleet.came_up
        if starting or not any(one.health().state is ReadyState.READY for one in directory.all()):
            raise NoDetectorReadyError

    async def can_sign() -> None:
        await tokens.get(OPERATOR_TENANT_ID, audience="mapper_svc", scope="map")

    async def ping_service(url: str) -> None:
        (await client.get(f"{url.rstrip('/')}/health/live", timeout=1.0)).raise_for_status()

    return ReadinessCheck(
        (
            # Without Postgres the main job goes on with cached keys; only tenants, keys and audit stop.
            Probe("postgres", database.ping, critical=False),
            Probe("valkey", ping_valkey, critical=False),
            Probe("signing_key", can_sign, critical=True),
            Probe("detectors", detectors_are_ready, critical=True),
            Probe("mapper_svc", lambda: ping_service(settings.mapper_url), critical=False),
            Probe("analysis_svc", lambda: ping_service(settings.analysis_url), critical=False),
        )
    )


def _configured(settings: Settings) -> tuple[HttpDetectorConfig, ...]:
    try:
        return read_http_detectors(settings.http_detectors)
    except ValueError as error:
        raise SettingsError(f"ORCHESTRATION_HTTP_DETECTORS is wrong: {error}") from None


def _fleet(
    settings: Settings, configured: tuple[HttpDetectorConfig, ...], client: HttpCalls
) -> DetectorFleet:
    disabled = _listed(settings.disabled_detectors)
    try:
        return build_fleet(
            http_detectors=configured,
            client=client,
            disabled=disabled,
            workers=settings.detector_workers,
            hedged=read_hedged(settings.hedged_detectors),
        )
    except HedgeError as error:
        raise SettingsError(f"ORCHESTRATION_HEDGED_DETECTORS is wrong: {error}") from None
    except ValueError as error:
        raise SettingsError(f"ORCHESTRATION_HTTP_DETECTORS is wrong: {error}") from None


def _listed(names: str) -> set[str]:
    return {name.strip() for name in names.split(",") if name.strip()}


def from_env() -> Litestar:
    """Build the application from the environment; what the server process calls."""
    try:
        settings = read_settings(os.environ)
        configure_logging(settings.log_level)
        app = create_app(settings)
    except (SettingsError, ShippedPolicyError, ExporterError) as error:
        sys.exit(f"{SERVICE}: {error}")
    # What was loaded stays for good. Looking through it at each full collection would hold up every request
    # under way for some 200 ms whenever a large answer is built.
    gc.collect()
    gc.freeze()
    # A request makes some thousand objects and leaves none behind: looking through the young ones every 700
    # of them finds nothing and takes a thirtieth of all processor time.
    gc.set_threshold(20_000, 20, 20)
    return app
