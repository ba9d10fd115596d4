"""Prometheus metrics, served on a port of their own."""

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """The service's metrics; one registry for each application object, so tests do not share counts."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
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
        self._findings = Counter(
            "mapper_findings_total",
            "Findings mapped, by the tier that decided",
            ["tier"],
            registry=self.registry,
        )
        self._review_not_kept = Counter(
            "mapper_review_not_kept_total",
            "Unmapped labels that the review queue did not take",
            registry=self.registry,
        )
        self._settings_unread = Counter(
            "mapper_settings_unread_total",
            "Mappings that went on without the tenant's current settings, by what held instead",
            ["held"],
            registry=self.registry,
        )

    def http_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def findings(self, tier: str, count: int) -> None:
        """Count findings that ``tier`` decided."""
        self._findings.labels(tier).inc(count)

    def review_not_kept(self, count: int) -> None:
        """Count unmapped labels that were lost to the review queue."""
        self._review_not_kept.inc(count)

    def settings_unread(self, held: str) -> None:
        """Count a mapping that went on with the last known settings or the defaults."""
        self._settings_unread.labels(held).inc()

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
