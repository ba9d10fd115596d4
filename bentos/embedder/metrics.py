"""What Prometheus sees beside BentoML's own figures."""

from prometheus_client import Histogram

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0)

REQUESTS = Histogram(
    "embedder_request_seconds",
    "Time of a request below /v1",
    labelnames=("route", "status"),
    buckets=_SECONDS,
)


def observe_request(route: str, status: int, seconds: float) -> None:
    """Counts a request."""
    REQUESTS.labels(route, str(status)).observe(seconds)
