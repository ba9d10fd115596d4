"""What Prometheus sees beside BentoML's own figures; no label holds anything that a caller sent."""

from prometheus_client import Counter, Gauge, Histogram

_ROWS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
_SECONDS = (0.01, 0.025, 0.05, 0.1, 0.15, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 120.0)

REQUESTS = Histogram(
    "llm_request_seconds", "Time of a request below /v1", labelnames=("route", "status"), buckets=_SECONDS
)
BATCH_ROWS = Histogram("llm_batch_rows", "Raw labels that were scored together", buckets=_ROWS)
TOKENS = Counter("llm_tokens", "Tokens read and written", labelnames=("route", "kind"))
READY = Gauge("llm_ready", "1 when the engine answered when it was last asked", multiprocess_mode="livemax")
STARTUP = Gauge("llm_startup_seconds", "Time until the engine was loaded", multiprocess_mode="livemax")
MEMORY = Gauge("llm_startup_memory_bytes", "Memory of the process after loading", multiprocess_mode="livemax")


def observe_request(route: str, status: int, seconds: float) -> None:
    """Counts a request."""
    REQUESTS.labels(route, str(status)).observe(seconds)


def observe_batch(rows: int) -> None:
    """Counts a batch of raw labels."""
    BATCH_ROWS.observe(rows)


def observe_map_tokens(tokens: int) -> None:
    """Counts the tokens of prompts for labels."""
    TOKENS.labels("map", "prompt").inc(tokens)


def observe_generated(prompt_tokens: int, completion_tokens: int) -> None:
    """Counts the tokens of a generation."""
    TOKENS.labels("generate", "prompt").inc(prompt_tokens)
    TOKENS.labels("generate", "completion").inc(completion_tokens)
