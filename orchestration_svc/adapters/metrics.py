"""Prometheus metrics, served on a port of their own."""

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_MILLIS = (1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000)
_MAX_TENANT_LABELS = 100
_MAX_DETECTOR_LABELS = 200
_BREAKER_STATES = ("closed", "open", "half_open")
_MAX_POLICY_LABELS = 50
_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


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
        self._cache_lookups = Counter(
            "orchestrate_cache_lookups_total",
            "Texts looked for in the response cache, by what came of it",
            ["outcome"],
            registry=self.registry,
        )
        self._cache_kept = Counter(
            "orchestrate_cache_kept_total",
            "Whole answers offered to the response cache, by what came of it",
            ["outcome"],
            registry=self.registry,
        )
        self._jobs = Counter(
            "jobs_ended_total", "Jobs that ended, by state", ["state"], registry=self.registry
        )
        self._job_items = Counter(
            "job_items_total", "Texts of jobs tried, by what came of it", ["state"], registry=self.registry
        )
        self._webhooks = Counter(
            "job_webhooks_total", "Webhook calls, by outcome", ["outcome"], registry=self.registry
        )
        self._settings_unread = Counter(
            "orchestrate_settings_unread_total",
            "Requests that went on without the tenant's current settings, by what held instead",
            ["held"],
            registry=self.registry,
        )
        self._limited = Counter(
            "rate_limit_exceeded_total",
            "Requests refused with 429, by the limit that they exceeded",
            ["limit"],
            registry=self.registry,
        )
        self._uncounted = Counter(
            "rate_limit_unavailable_total",
            "Requests that went on uncounted because Valkey was away",
            registry=self.registry,
        )
        self._breakers = Gauge(
            "circuit_breaker_state",
            "1 for the state that a detector's breaker is in, 0 for the others",
            ["detector", "state"],
            registry=self.registry,
        )
        self._health = Gauge(
            "detector_health_status",
            "1 while a detector is fit to be asked",
            ["detector"],
            registry=self.registry,
        )
        self._health_ms = Histogram(
            "detector_health_check_duration_ms",
            "Time a probe of a detector took, milliseconds",
            ["detector"],
            buckets=_MILLIS,
            registry=self.registry,
        )
        self._shadows = Counter(
            "detector_shadow_runs_total",
            "Runs of a shadow version beside the one that answers",
            ["detector", "outcome"],
            registry=self.registry,
        )
        self._hedges = Counter(
            "detector_hedges_total",
            "Calls of a detector whose answer was late, by what became of the second call",
            ["detector", "outcome"],
            registry=self.registry,
        )
        # Finding a series by its labels takes a lock and a copy each time; there are few of them.
        self._series: dict[tuple[object, ...], Any] = {}
        self._detectors: set[str] = set()
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
        self._of(self._requests, method, route, str(status)).inc()
        self._of(self._seconds, method, route).observe(seconds)

    def detector(self, name: str, status: str, milliseconds: float) -> None:
        """Record what one detector did."""
        self._of(self._detector_ms, self._bounded_detector(name), status).observe(milliseconds)

    def breaker_state(self, detector: str, state: str) -> None:
        """Record that a detector's breaker changed."""
        name = self._bounded_detector(detector)
        for one in _BREAKER_STATES:
            self._of(self._breakers, name, one).set(one == state)

    def detector_health(self, detector: str, *, healthy: bool) -> None:
        """Record whether a detector is fit to be asked."""
        self._of(self._health, self._bounded_detector(detector)).set(healthy)

    def health_check(self, detector: str, milliseconds: float) -> None:
        """Record a probe."""
        self._of(self._health_ms, self._bounded_detector(detector)).observe(milliseconds)

    def hedged(self, detector: str, outcome: str) -> None:
        """Count a call whose answer was late."""
        self._of(self._hedges, self._bounded_detector(detector), outcome).inc()

    def shadow_run(self, detector: str, outcome: str) -> None:
        """Count what a shadow version showed."""
        self._of(self._shadows, self._bounded_detector(detector), outcome).inc()

    def orchestrated(
        self, *, tenant: str, policy: str, status: int, milliseconds: float, coverage: float
    ) -> None:
        """Record one orchestrated request."""
        bounded, policy = self._bounded(tenant), self._bounded_policy(policy)
        self._of(self._orchestrated, bounded, policy, str(status)).inc()
        self._orchestrated_ms.observe(milliseconds)
        self._of(self._coverage, bounded, policy).observe(coverage)

    def missing_part(self, part: str, reason: str) -> None:
        """Count an answer that went out without its mapping or its analysis."""
        self._of(self._missing, part, reason).inc()

    def cache_lookup(self, outcome: str) -> None:
        """Count a text that was looked for in the response cache."""
        self._of(self._cache_lookups, outcome).inc()

    def cache_kept(self, outcome: str) -> None:
        """Count a whole answer that the response cache was to keep."""
        self._of(self._cache_kept, outcome).inc()

    def job_ended(self, state: str) -> None:
        """Count a job that ended."""
        self._of(self._jobs, state).inc()

    def job_item(self, state: str) -> None:
        """Count a text of a job that was tried."""
        self._of(self._job_items, state).inc()

    def webhook(self, outcome: str) -> None:
        """Count a webhook call."""
        self._of(self._webhooks, outcome).inc()

    def settings_unread(self, held: str) -> None:
        """Count a request that went on with the last known settings or the defaults."""
        self._of(self._settings_unread, held).inc()

    def limit_exceeded(self, limit: str) -> None:
        """Count a request that was refused because of a limit."""
        self._of(self._limited, limit).inc()

    def limits_unavailable(self) -> None:
        """Count a request that no limit was applied to."""
        self._uncounted.inc()

    def _of(self, metric: _Metric, *labels: str) -> _Metric:
        key = (metric, *labels)
        series: _Metric | None = self._series.get(key)
        if series is None:
            series = self._series[key] = metric.labels(*labels)
        return series

    def _bounded_detector(self, name: str) -> str:
        # Tenants name detectors as they like; see `_bounded`.
        if name not in self._detectors and len(self._detectors) < _MAX_DETECTOR_LABELS:
            self._detectors.add(name)
        return name if name in self._detectors else "other"

    def policy_enforced(self, *, tenant: str, policy: str, status: str, violation: str) -> None:
        """Count a decision: ``status`` is the action or ``denied``, ``violation`` the chief reason."""
        self._of(self._enforced, self._bounded(tenant), self._bounded_policy(policy), status, violation).inc()

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
