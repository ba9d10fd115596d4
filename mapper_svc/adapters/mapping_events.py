"""What mapping did, told to metrics and logs."""

from uuid import UUID

import structlog

from mapper_svc.adapters.metrics import Metrics

_log = structlog.get_logger("mapper_svc")


class MappingEventsLog:
    """Counts findings by tier, and reports labels that were not kept for review."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def findings(self, tier: str, count: int) -> None:
        """``tier`` decided ``count`` findings."""
        self._metrics.findings(tier, count)

    def review_not_kept(self, count: int, *, reason: str) -> None:
        """``count`` unmapped labels were not kept for review; ``reason`` is a plain identifier."""
        self._metrics.review_not_kept(count)
        _log.warning("review_not_kept", labels=count, reason=reason)

    def model_asked(self, tenant_id: UUID, *, tokens: int, seconds: float) -> None:
        """A call that a tenant's request began took so long; ``tokens`` were read."""
        self._metrics.model_asked(str(tenant_id), tokens=tokens, seconds=seconds)

    def model_not_heard(self, reason: str, count: int) -> None:
        """``count`` labels went on without a model; ``reason`` is one of a closed set."""
        self._metrics.model_not_heard(reason, count)
        _log.warning("model_not_heard", labels=count, reason=reason)
