"""Secrets that registered detectors are called with: named in the registration, held by the environment.

A name leads only to what the operator set for that very owner: were any variable within reach, a tenant could
have another's secret, or the service's own, sent to a server of its choice.
"""

from collections.abc import Mapping
from uuid import UUID

from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from orchestration_svc.domain.detection import DetectorFault, DetectorStatus, FailureReason

PREFIX = "ORCHESTRATION_DETECTOR_SECRET_"


def variable_of(owner: UUID, name: str) -> str:
    """Return the environment variable that holds an owner's secret of that name."""
    whose = "SHARED" if owner == OPERATOR_TENANT_ID else owner.hex.upper()
    return f"{PREFIX}{whose}_{name}"


class NamedSecret:
    """Reads the secret at each call, so that it can be replaced with a restart and no change here.

    Args:
        owner: whose it is.
        name: in the registration; empty when none is sent.
        header: that it is sent in.
        environment: holds it.
    """

    def __init__(self, owner: UUID, name: str, header: str, environment: Mapping[str, str]) -> None:
        self._variable = variable_of(owner, name) if name else ""
        self._header = header
        self._environment = environment

    def header(self) -> Mapping[str, str]:
        """Return the header that carries it.

        Raises:
            DetectorFault: unavailable, when the operator has not set it.
        """
        if not self._variable:
            return {}
        value = self._environment.get(self._variable, "").strip()
        if not value or not value.isascii() or not value.isprintable():
            raise DetectorFault(DetectorStatus.UNAVAILABLE, FailureReason.SECRET_MISSING)
        bearer = self._header.lower() == "authorization"
        return {self._header: f"Bearer {value}" if bearer else value}
