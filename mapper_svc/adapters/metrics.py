"""Prometheus metrics, served on a port of their own."""

from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)
_MAX_TENANT_LABELS = 100
_Metric = TypeVar("_Metric", Counter, Gauge, Histogram)


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
        self._model_seconds = Histogram(
            "mapper_model_call_seconds",
            "Time of one call to a model, by how it ended",
            ["outcome"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._model_tokens = Counter(
            "mapper_model_tokens_total",
            "Tokens that the model read, by the tenant whose request asked",
            ["tenant"],
            registry=self.registry,
        )
        self._model_tenant_seconds = Counter(
            "mapper_model_tenant_seconds_total",
            "Seconds in calls to the model, by the tenant whose request asked",
            ["tenant"],
            registry=self.registry,
        )
        self._tenants: set[str] = set()
        self._breaker = Gauge(
            "mapper_model_breaker_open",
            "Whether the model is left alone: 0 no, 0.5 it is being tried, 1 yes",
            registry=self.registry,
        )
        self._distributions = Counter(
            "mapper_model_cache_total",
            "Labels looked up before a model is asked, by the layer that knew them (none: asked)",
            ["layer"],
            registry=self.registry,
        )
        self._not_heard = Counter(
            "mapper_model_not_heard_total",
            "Labels that went on without the model that should have been asked, by reason",
            ["reason"],
            registry=self.registry,
        )
        self._models_revision = Gauge(
            "mapper_models_revision",
            "Number of the change of model versions that this replica serves by",
            registry=self.registry,
        )
        self._trial_calls = Counter(
            "mapper_model_trial_calls_total",
            "Calls of the arms of a trial, by how they ended",
            ["arm", "outcome"],
            registry=self.registry,
        )
        self._trial_mirrored = Counter(
            "mapper_model_trial_mirrored_total",
            "Questions that both arms of a trial were to be asked, by what came of it",
            ["outcome"],
            registry=self.registry,
        )
        self._trial_rollbacks = Counter(
            "mapper_model_rollbacks_total",
            "Tried versions that this replica took back because they were worse, by why",
            ["reason"],
            registry=self.registry,
        )
        self._settings_unread = Counter(
            "mapper_settings_unread_total",
            "Mappings that went on without the tenant's current settings, by what held instead",
            ["held"],
            registry=self.registry,
        )
        self._plugin_calls = Counter(
            "mapper_plugin_calls_total",
            "Calls of plugins, by how they went",
            ["plugin", "outcome"],
            registry=self.registry,
        )

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

    def findings(self, tier: str, count: int) -> None:
        """Count findings that ``tier`` decided."""
        self._findings.labels(tier).inc(count)

    def review_not_kept(self, count: int) -> None:
        """Count unmapped labels that were lost to the review queue."""
        self._review_not_kept.inc(count)

    def model_call(self, outcome: str, seconds: float) -> None:
        """Count a call to a model that ended in ``ok`` or in a fault."""
        self._model_seconds.labels(outcome).observe(seconds)

    def model_asked(self, tenant: str, *, tokens: int, seconds: float) -> None:
        """Count what a call to the model cost, for the tenant whose request asked."""
        bounded = self._bounded(tenant)
        self._of(self._model_tokens, bounded).inc(tokens)
        self._of(self._model_tenant_seconds, bounded).inc(seconds)

    def _bounded(self, tenant: str) -> str:
        # Each label value is a time series: past a hundred tenants the rest share one.
        if tenant not in self._tenants and len(self._tenants) < _MAX_TENANT_LABELS:
            self._tenants.add(tenant)
        return tenant if tenant in self._tenants else "other"

    def breaker_state(self, state: str) -> None:
        """Show the breaker as closed, half-opened or opened."""
        self._breaker.set({"closed": 0.0, "half-opened": 0.5, "opened": 1.0}[state])

    def distributions_found(self, layer: str, count: int) -> None:
        """Count labels that ``memory``, ``valkey`` or ``none`` knew."""
        self._distributions.labels(layer).inc(count)

    def model_not_heard(self, reason: str, count: int) -> None:
        """Count labels that no model was heard on."""
        self._not_heard.labels(reason).inc(count)

    def fleet_revision(self, revision: int) -> None:
        """Show by which change of the model versions is served."""
        self._models_revision.set(revision)

    def trial_call(self, arm: str, outcome: str) -> None:
        """Count a call of a trial's arm; ``outcome`` is ``answered`` or a fault."""
        self._trial_calls.labels(arm, outcome).inc()

    def trial_mirrored(self, outcome: str) -> None:
        """Count a question for both arms: ``compared``, ``skipped`` or ``failed``."""
        self._trial_mirrored.labels(outcome).inc()

    def trial_rolled_back(self, reason: str) -> None:
        """Count a version that was taken back."""
        self._trial_rollbacks.labels(reason).inc()

    def settings_unread(self, held: str) -> None:
        """Count a mapping that went on with the last known settings or the defaults."""
        self._settings_unread.labels(held).inc()

    def plugin_call(self, plugin: str, outcome: str) -> None:
        """Count a call of a plugin; ``outcome`` is ``ok`` or a fault."""
        self._plugin_calls.labels(plugin, outcome).inc()

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
