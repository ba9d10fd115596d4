"""Prometheus metrics, served on a port of their own."""

from prometheus_client import CollectorRegistry, Counter, Histogram, start_http_server

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_MILLIS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
_MAX_TENANT_LABELS = 100
_MAX_POLICY_LABELS = 50


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
        self._orchestrated = Counter(
            "orchestrate_requests_total",
            "Orchestrated requests, by outcome",
            ["tenant", "policy", "status"],
            registry=self.registry,
        )
        self._orchestrated_ms = Histogram(
            "orchestrate_request_duration_ms",
            "Time to answer an orchestrated request, milliseconds",
            buckets=_MILLIS,
            registry=self.registry,
        )
        self._detector_ms = Histogram(
            "detector_latency_ms",
            "Time a detector took, milliseconds",
            ["detector", "status"],
            buckets=_MILLIS,
            registry=self.registry,
        )
        self._coverage = Histogram(
            "coverage_achieved",
            "Share of the required detectors that succeeded",
            ["tenant", "policy"],
            buckets=(0.0, 0.25, 0.5, 0.75, 0.8, 0.9, 1.0),
            registry=self.registry,
        )
        self._missing = Counter(
            "orchestrate_missing_part_total",
            "Answers given without a part, by part and reason",
            ["part", "reason"],
            registry=self.registry,
        )
        self._enforced = Counter(
            "policy_enforcement_total",
            "What policies decided, by action and chief reason",
            ["tenant", "policy", "status", "violation_type"],
            registry=self.registry,
        )
        self._tenants: set[str] = set()
        self._policies: set[str] = set()

    def http_request(self, *, method: str, route: str, status: int, seconds: float) -> None:
        """Count one answered request."""
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(method, route).observe(seconds)

    def detector(self, name: str, status: str, milliseconds: float) -> None:
        """Record what one detector did."""
        self._detector_ms.labels(name, status).observe(milliseconds)

    def orchestrated(
        self, *, tenant: str, policy: str, status: int, milliseconds: float, coverage: float
    ) -> None:
        """Record one orchestrated request."""
        bounded, policy = self._bounded(tenant), self._bounded_policy(policy)
        self._orchestrated.labels(bounded, policy, str(status)).inc()
        self._orchestrated_ms.observe(milliseconds)
        self._coverage.labels(bounded, policy).observe(coverage)

    def missing_part(self, part: str, reason: str) -> None:
        """Count an answer that went out without its mapping or its analysis."""
        self._missing.labels(part, reason).inc()

    def policy_enforced(self, *, tenant: str, policy: str, status: str, violation: str) -> None:
        """Count a decision: ``status`` is the action or ``denied``, ``violation`` the chief reason."""
        self._enforced.labels(self._bounded(tenant), self._bounded_policy(policy), status, violation).inc()

    def _bounded_policy(self, policy: str) -> str:
        # Tenants name policies, and callers name some that are not there.
        if policy not in self._policies and len(self._policies) < _MAX_POLICY_LABELS:
            self._policies.add(policy)
        return policy if policy in self._policies else "other"

    def _bounded(self, tenant: str) -> str:
        # Each label value is a time series: past a hundred tenants the rest share one.
        if tenant not in self._tenants and len(self._tenants) < _MAX_TENANT_LABELS:
            self._tenants.add(tenant)
        return tenant if tenant in self._tenants else "other"

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
