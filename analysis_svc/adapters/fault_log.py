"""Faults of our own that one text of many ran into: their kind and place are logged, never their words."""

import traceback

import structlog

_log = structlog.get_logger("analysis_svc")


class FaultLog:
    """Writes one line for each."""

    def unexpected(self, error: Exception) -> None:
        """Log what kind of exception rose where; its words may quote content."""
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        _log.error(
            "unhandled_error",
            error_type=type(error).__qualname__,
            at=[f"{frame.filename.rsplit('/', 3)[-1]}:{frame.lineno}:{frame.name}" for frame in frames],
        )
