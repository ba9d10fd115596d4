class ReleaseError(Exception):
    """A model cannot be registered, approved, built or deployed; says why, and what to do."""


class RegistryError(ReleaseError):
    """The registry does not hold what was asked for, or cannot be reached."""


class RefusedError(ReleaseError):
    """A version may not go on. Trying again does not help: something has to be another way first."""


class GateError(RefusedError):
    """A release was not evaluated, or did not pass a gate."""


class ApprovalRefusedError(RefusedError):
    """A version may not be approved, or not by this person, or not yet."""
