class ReleaseError(Exception):
    """A model cannot be registered, approved, built or deployed; says why, and what to do."""


class RegistryError(ReleaseError):
    """The registry does not hold what was asked for, or cannot be reached."""


class ApprovalRefusedError(ReleaseError):
    """A version may not be approved, or not by this person, or not yet."""
