"""What analysing did, told to metrics and logs."""

import structlog

from analysis_svc.adapters.metrics import Metrics

_log = structlog.get_logger("analysis_svc")


class AnalysisEventsLog:
    """Counts analyses by level, and reports evidence that was not kept."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def analysis(self, level: str) -> None:
        """One analysis ended with this risk level."""
        self._metrics.analysis(level)

    def evidence_not_kept(self) -> None:
        """The database did not take the evidence."""
        self._metrics.evidence_not_kept()
        _log.warning("evidence_not_kept")
