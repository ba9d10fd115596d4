"""What happens to versions of the model, told to metrics and logs."""

from typing import Protocol

import structlog

from mapper_svc.domain.model_fleet import Fleet

_log = structlog.get_logger("mapper_svc")


class FleetMetrics(Protocol):
    """Counts it."""

    def fleet_revision(self, revision: int) -> None:
        """This replica serves by that revision of the fleet."""
        ...

    def trial_call(self, arm: str, outcome: str) -> None:
        """A call of a trial's arm ended."""
        ...

    def trial_mirrored(self, outcome: str) -> None:
        """A question was put to both arms, or was not."""
        ...

    def trial_rolled_back(self, reason: str) -> None:
        """A trial was ended because its version is worse."""
        ...


class FleetEventsLog:
    """Implements the port `FleetEvents`. What goes on for long is logged when it begins and when it ends."""

    def __init__(self, metrics: FleetMetrics) -> None:
        self._metrics = metrics
        self._unread = ""
        self._not_adopted = ""

    def fleet_taken(self, fleet: Fleet) -> None:
        """This replica serves by this fleet from now on."""
        self._unread = self._not_adopted = ""
        self._metrics.fleet_revision(fleet.revision)
        _log.info(
            "models_taken",
            revision=fleet.revision,
            active=fleet.active.id if fleet.active else None,
            trial=fleet.trial.kind.value if fleet.trial else None,
            tried=fleet.trial.version if fleet.trial else None,
            percent=fleet.trial.percent if fleet.trial else None,
        )

    def fleet_unread(self, reason: str) -> None:
        """The fleet could not be read, or counts not handed in; ``reason`` is a plain identifier."""
        if reason != self._unread:
            self._unread = reason
            _log.warning("models_not_in_step", reason=reason)

    def trial_call(self, arm: str, outcome: str) -> None:
        """A call of a trial's arm ended: ``answered``, or a ModelFault."""
        self._metrics.trial_call(arm, outcome)

    def mirrored(self, outcome: str) -> None:
        """A question was put to the other arm as well: ``compared``, ``skipped`` or ``failed``."""
        self._metrics.trial_mirrored(outcome)

    def rolled_back(self, version: str, reason: str) -> None:
        """A trial was ended because its version is worse."""
        self._metrics.trial_rolled_back(reason)
        _log.error("model_trial_rolled_back", version=version, reason=reason)

    def not_adopted(self, reason: str) -> None:
        """The server named in the settings could not be taken; ``reason`` says why."""
        if reason != self._not_adopted:
            self._not_adopted = reason
            _log.warning("model_url_not_adopted", reason=reason)
