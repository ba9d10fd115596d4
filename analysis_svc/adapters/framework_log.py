"""What of a tenant's own frameworks a release has no place for, as warnings in the log."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from analysis_svc.domain.tenant_catalogues import LeftOut

_log = structlog.get_logger("analysis_svc")


def warn_left_out(tenant_id: UUID, missing: Sequence[LeftOut]) -> None:
    """Log a line for each framework."""
    for one in missing:
        _log.warning(
            "own_framework_left_out" if not one.labels else "own_framework_labels_left_out",
            tenant_id=str(tenant_id),
            framework=one.framework,
            labels=list(one.labels),
        )
