"""Calls with a span each, and with the trace's headers for the server that is called."""

from collections.abc import Mapping
from uuid import UUID

from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from orchestration_svc.adapters.http_calls import CallError, HttpAnswer, HttpCalls
from orchestration_svc.adapters.outbound_rule import OutboundRefusedError
from orchestration_svc.adapters.tracing import HeardProvider

_ERRORS = 400
_TRACE = "traceparent"


class TracedCalls:
    """Implements `HttpCalls` around another; the attributes are those of OpenTelemetry's HTTP conventions.

    While nobody hears of spans none is made, and the trace is passed on as it is.

    Args:
        calls: makes them.
        provider: takes the spans.
    """

    def __init__(self, calls: HttpCalls, provider: HeardProvider) -> None:
        self._calls = calls
        self._provider = provider
        self._tracer = trace.get_tracer("orchestration_svc.calls", tracer_provider=provider)

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None = None,
        timeout_s: float,
        max_bytes: int,
        tenant: UUID | None = None,
    ) -> HttpAnswer:
        """Make one call; see `HttpCalls`."""
        if not self._provider.is_heard:
            sent = dict(headers)
            if _TRACE not in headers:
                propagate.inject(sent)
            return await self._calls.call(
                method,
                url,
                headers=sent,
                body=body,
                timeout_s=timeout_s,
                max_bytes=max_bytes,
                tenant=tenant,
            )
        # A query may hold a receiver's secret.
        attributes = {"http.request.method": method, "url.full": url.partition("?")[0]}
        span = self._tracer.start_span(method, kind=SpanKind.CLIENT, attributes=attributes)
        # What the caller passes on of the trace gives way: the call is a step of its own.
        sent = dict(headers)
        propagate.inject(sent, trace.set_span_in_context(span))
        try:
            answer = await self._calls.call(
                method,
                url,
                headers=sent,
                body=body,
                timeout_s=timeout_s,
                max_bytes=max_bytes,
                tenant=tenant,
            )
        except (CallError, OutboundRefusedError) as error:
            span.set_attribute("error.type", type(error).__name__)
            span.set_status(Status(StatusCode.ERROR))
            raise
        else:
            span.set_attribute("http.response.status_code", answer.status)
            if answer.status >= _ERRORS:
                span.set_status(Status(StatusCode.ERROR))
            return answer
        finally:
            span.end()
