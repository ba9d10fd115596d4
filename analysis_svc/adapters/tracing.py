"""OpenTelemetry traces; the exporter is chosen by the standard OTEL_* variables."""

from collections.abc import Mapping, Sequence

import httpx
from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send
from opentelemetry import context, propagate
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.instrumentation.httpx import HTTPXClientInstrumentor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

_HEALTH = "/health/"
_FAULTS = 500
_METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
# Chosen by whoever calls, and no part of the contract: a path, query or client name may hold anything.
_CALLERS_WORDS = frozenset(
    {
        "http.target",
        "http.url",
        "http.user_agent",
        "url.full",
        "url.path",
        "url.query",
        "user_agent.original",
    }
)


class Wordless(SpanExporter):
    """Passes spans on without the words of callers and of exceptions, which may quote request data."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        """Export the spans; an exception keeps its type, a request its route."""
        return self._exporter.export([_wordless(span) for span in spans])

    def shutdown(self) -> None:
        """End the exporter."""
        self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Let the exporter send what it holds."""
        return self._exporter.force_flush(timeout_millis)


def _wordless(span: ReadableSpan) -> ReadableSpan:
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes={
            name: value
            for name, value in (span.attributes or {}).items()
            if span.kind is SpanKind.CLIENT or name not in _CALLERS_WORDS
        },
        events=[
            Event(
                event.name,
                {"exception.type": (event.attributes or {}).get("exception.type", "")},
                event.timestamp,
            )
            for event in span.events
        ],
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


class HeardProvider(TracerProvider):
    """Knows whether anybody hears of its spans: to make one that nobody will see takes time all the same."""

    is_heard = False

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Have a processor hear of every span from now on."""
        self.is_heard = True
        super().add_span_processor(span_processor)


class ExporterError(Exception):
    """OTEL_TRACES_EXPORTER names something this service cannot send spans to."""


def make_tracer_provider(service: str, version: str, env: Mapping[str, str]) -> HeardProvider:
    """Make the provider. With no exporter named, spans are made and passed on but sent nowhere.

    ``OTEL_TRACES_EXPORTER`` is otlp, console or none; otlp is implied by ``OTEL_EXPORTER_OTLP_ENDPOINT``
    or ``OTEL_EXPORTER_OTLP_TRACES_ENDPOINT``. The exporter reads its other settings itself.

    Raises:
        ExporterError: for an exporter this service does not know.
    """
    provider = HeardProvider(resource=Resource.create({"service.name": service, "service.version": version}))
    endpoint = env.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or env.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    chosen = env.get("OTEL_TRACES_EXPORTER") or ("otlp" if endpoint else "none")
    exporters: dict[str, type[SpanExporter]] = {"otlp": OTLPSpanExporter, "console": ConsoleSpanExporter}
    if chosen != "none":
        if chosen not in exporters:
            raise ExporterError(f"OTEL_TRACES_EXPORTER is '{chosen}'; use otlp, console or none")
        provider.add_span_processor(BatchSpanProcessor(Wordless(exporters[chosen]())))
    return provider


def trace_requests(app: ASGIApp, provider: HeardProvider) -> ASGIApp:
    """Give each request but health checks a span that continues the caller's ``traceparent``.

    While nobody hears of spans there is a trace alone, for logs and for servers that are called. A span is
    called HTTP: its route, once that is known, says more, and a path may hold anything.
    """
    tracer = provider.get_tracer("analysis_svc.requests")

    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != ScopeType.HTTP or scope["path"].startswith(_HEALTH):
            await app(scope, receive, send)
            return
        fields = propagate.get_global_textmap().fields
        carrier = {
            header: value.decode("latin-1")
            for name, value in scope["headers"]
            if (header := name.decode("latin-1").lower()) in fields
        }
        parent = propagate.extract(carrier) if carrier else None
        if not provider.is_heard:
            token = context.attach(_unheard(parent, provider))
            try:
                await app(scope, receive, send)
            finally:
                context.detach(token)
            return
        span = tracer.start_span("HTTP", context=parent, kind=SpanKind.SERVER)
        method = scope["method"] if scope["method"] in _METHODS else "_OTHER"
        span.set_attribute("http.request.method", method)

        async def send_and_note(message: Message) -> None:
            if message["type"] == "http.response.start":
                span.set_attribute("http.response.status_code", message["status"])
                if message["status"] >= _FAULTS:
                    span.set_status(Status(StatusCode.ERROR))
            await send(message)

        token = context.attach(set_span_in_context(span, parent))
        try:
            await app(scope, receive, send_and_note)
        except Exception as error:
            span.set_attribute("error.type", type(error).__qualname__)
            span.set_status(Status(StatusCode.ERROR))
            raise
        finally:
            context.detach(token)
            span.end()

    return handle


def _unheard(parent: context.Context | None, provider: TracerProvider) -> context.Context:
    """Return the caller's trace, or a new one as the provider would begin it."""
    if parent is not None and get_current_span(parent).get_span_context().is_valid:
        return parent
    trace_id = provider.id_generator.generate_trace_id()
    sampling = provider.sampler.should_sample(parent, trace_id, "HTTP", SpanKind.SERVER).decision
    sampled = sampling is Decision.RECORD_AND_SAMPLE
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    made = SpanContext(trace_id, provider.id_generator.generate_span_id(), is_remote=False, trace_flags=flags)
    return set_span_in_context(NonRecordingSpan(made), parent)


def trace_client(client: httpx.AsyncClient, provider: TracerProvider) -> httpx.AsyncClient:
    """Give each outgoing call a span and pass ``traceparent`` on."""
    HTTPXClientInstrumentor.instrument_client(client, tracer_provider=provider)
    return client
