"""Which gates a release passed, as its evaluation says."""

from pathlib import Path

import msgspec

from pipelines.lib.release.release_error import GateError

EVALUATION = "evaluation.json"


class Gate(msgspec.Struct, frozen=True):
    """One gate of the evaluation.

    Attributes:
        name: what it holds to.
        passed: whether the release did.
    """

    name: str
    passed: bool


class _Evaluation(msgspec.Struct, frozen=True):
    gates: tuple[Gate, ...]


def read_gates(folder: Path) -> tuple[Gate, ...]:
    """Reads the gates of a release folder.

    Raises:
        GateError: it was not evaluated; no gate at all is no pass.
    """
    try:
        gates = msgspec.json.decode((folder / EVALUATION).read_bytes(), type=_Evaluation).gates
    except (OSError, msgspec.DecodeError) as error:
        raise GateError(f"it was not evaluated: {EVALUATION} cannot be read: {error}") from error
    if not gates:
        raise GateError(f"it was not evaluated: {EVALUATION} names no gate")
    return gates
