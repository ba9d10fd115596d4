"""What analysing did, told to metrics and logs."""

from collections.abc import Callable
from uuid import UUID

import structlog

from analysis_svc.adapters.metrics import Metrics

_log = structlog.get_logger("analysis_svc")


class AnalysisEventsLog:
    """Counts analyses by level, and reports evidence that was not kept.

    Args:
        metrics: counts.
        serious_kept: told whose evidence was kept that may open an incident.
    """

    def __init__(self, metrics: Metrics, serious_kept: Callable[[UUID], None]) -> None:
        self._metrics = metrics
        self._serious_kept = serious_kept

    def analysis(self, level: str) -> None:
        """One analysis ended with this risk level."""
        self._metrics.analysis(level)

    def serious_kept(self, tenant_id: UUID) -> None:
        """Evidence of a tenant was kept that may open an incident."""
        self._serious_kept(tenant_id)

    def evidence_not_kept(self) -> None:
        """The database did not take the evidence."""
        self._metrics.evidence_not_kept()
        _log.warning("evidence_not_kept")
