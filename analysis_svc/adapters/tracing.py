"""OpenTelemetry traces; the exporter is chosen by the standard OTEL_* variables."""

from collections.abc import Mapping
from typing import cast

import httpx
from litestar.types import ASGIApp
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.asgi import OpenTelemetryMiddleware
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter


def make_tracer_provider(service: str, version: str, env: Mapping[str, str]) -> TracerProvider:
    """Make the provider. With no exporter named, spans are made and passed on but sent nowhere.

    ``OTEL_TRACES_EXPORTER`` is otlp, console or none; otlp is implied by ``OTEL_EXPORTER_OTLP_ENDPOINT``
    or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``. The exporter reads its other settings itself.

    Raises:
        ValueError: for an exporter this service does not know.
    """
    provider = TracerProvider(resource=Resource.create({"service.name": service, "service.version": version}))
    endpoint = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    chosen = env.get("OTEL_TRACES_EXPORTER") or ("otlp" if endpoint else "none")
    exporters: dict[str, type[SpanExporter]] = {"otlp": OTLPSpanExporter, "console": ConsoleSpanExporter}
    if chosen != "none":
        if chosen not in exporters:
            raise ValueError(f"OTEL_TRACES_EXPORTER is '{chosen}'; use otlp, console or none")
        provider.add_span_processor(BatchSpanProcessor(exporters[chosen]()))
    return provider


def trace_requests(app: ASGIApp, provider: TracerProvider) -> ASGIApp:
    """Give each request a span that continues the caller's ``traceparent``."""
    traced = OpenTelemetryMiddleware(
        app, tracer_provider=provider, excluded_urls="/health/.*", exclude_spans=["receive", "send"]
    )
    return cast("ASGIApp", traced)


def trace_client(client: httpx.AsyncClient, provider: TracerProvider) -> httpx.AsyncClient:
    """Give each outgoing call a span and pass ``traceparent`` on."""
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
    return client
