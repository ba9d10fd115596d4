"""Prometheus metrics, served on a port of their own."""

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_Metric = TypeVar("_Metric", Counter, Histogram)


class Metrics:
    """The service's metrics; one registry for each application object, so tests do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        # Finding a series by its labels takes a lock and a copy each time; there are few of them.
        self._series: dict[tuple[object, ...], Any] = {}
        self._requests = Counter(
            "http_requests_total",
            "HTTP requests answered",
            ["method", "route", "status"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "http_request_duration_seconds",
            "Time to answer an HTTP request",
            ["method", "route"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._analyses = Counter(
            "analysis_analyses_total",
            "Analyses answered, by risk level",
            ["level"],
            registry=self.registry,
        )
        self._not_kept = Counter(
            "analysis_evidence_not_kept_total",
            "Analyses whose evidence the database did not take",
            registry=self.registry,
        )

        self._reports = Counter(
            "analysis_reports_total",
            "Reports that are ready or have failed",
            ["state"],
            registry=self.registry,
        )

        self._plugin_calls = Counter(
            "analysis_plugin_calls_total",
            "Calls of analysis engines, by engine and outcome",
            ["plugin", "outcome"],
            registry=self.registry,
        )

        self._incidents = Counter(
            "analysis_incidents_opened_total",
            "Incidents opened, by the level that they had then",
            ["level"],
            registry=self.registry,
        )

    def incident_opened(self, level: str) -> None:
        """Count one new incident."""
        self._incidents.labels(level).inc()

    def plugin_call(self, plugin: str, outcome: str) -> None:
        """Count one call of an engine; the outcome is ``ok`` or how it failed."""
        self._plugin_calls.labels(plugin, outcome).inc()

    def http_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._of(self._requests, method, route, str(status)).inc()
        self._of(self._seconds, method, route).observe(seconds)

    def _of(self, metric: _Metric, *labels: str) -> _Metric:
        key = (metric, *labels)
        series: _Metric | None = self._series.get(key)
        if series is None:
            series = self._series[key] = metric.labels(*labels)
        return series

    def analysis(self, level: str) -> None:
        """Count one answered analysis."""
        self._analyses.labels(level).inc()

    def evidence_not_kept(self) -> None:
        """Count an analysis whose evidence could not be stored."""
        self._not_kept.inc()

    def report_ended(self, state: str) -> None:
        """Count a report that is ready or has failed."""
        self._reports.labels(state).inc()

    def serve(self, host: str, port: int) -> "MetricsServer":
        """Serve /metrics from a thread of its own; close the returned server to stop."""
        server, thread = start_http_server(port, host, registry=self.registry)
        return MetricsServer(server, thread)


class MetricsServer:
    """The running /metrics endpoint."""

    def __init__(self, server: object, thread: object) -> None:
        self._server = server
        self._thread = thread

    def close(self) -> None:
        """Stop serving and free the port."""
        self._server.shutdown()  # type: ignore[attr-defined]
        self._server.server_close()  # type: ignore[attr-defined]
        self._thread.join(timeout=2)  # type: ignore[attr-defined]
