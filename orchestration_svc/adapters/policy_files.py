"""The policies that come with the service, read from YAML."""

from pathlib import Path

import msgspec
import yaml

from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.policy import CoverageMethod, Policy

DEFAULT = "default"
SHIPPED = Path(__file__).parents[1] / "data" / "policies.yaml"


class PolicyFileError(Exception):
    """The policy file is wrong; the message names file and place."""


class _Entry(msgspec.Struct, forbid_unknown_fields=True):
    name: str
    version: str
    description: str
    content_types: list[str]
    coverage_method: CoverageMethod
    coverage_threshold: float
    detectors: list[str] | None = None
    required: list[str] | None = None


class _File(msgspec.Struct, forbid_unknown_fields=True):
    policies: list[_Entry]


class PolicyFile:
    """Serves the policies of one file.

    Raises:
        PolicyFileError: for a file that does not parse, names a policy twice, has no default, or
            requires a detector it does not run.
    """

    def __init__(self, path: Path = SHIPPED) -> None:
        try:
            raw = yaml.safe_load(path.read_text(encoding="utf-8"))
            entries = msgspec.convert(raw, _File).policies
        except yaml.MarkedYAMLError as error:
            line = error.problem_mark.line + 1 if error.problem_mark else "?"
            raise PolicyFileError(f"{path.name}:{line}: {error.problem}") from None
        except msgspec.ValidationError as error:
            raise PolicyFileError(f"{path.name}: {error}") from None
        self._policies: dict[str, Policy] = {}
        for entry in entries:
            if entry.name in self._policies:
                raise PolicyFileError(f"{path.name}: policy '{entry.name}' stands twice")
            self._policies[entry.name] = _policy(entry, path.name)
        if DEFAULT not in self._policies:
            raise PolicyFileError(f"{path.name}: there is no policy '{DEFAULT}'")

    def get(self, name: str | None) -> Policy:
        """Return the policy, the default for None."""
        policy = self._policies.get(name or DEFAULT)
        if policy is None:
            raise ServiceError(ErrorCode.POLICY_NOT_FOUND, "there is no policy of this name", field="policy")
        return policy


def _policy(entry: _Entry, file: str) -> Policy:
    if not 0 <= entry.coverage_threshold <= 1:
        raise PolicyFileError(f"{file}: policy '{entry.name}': coverage_threshold is a share from 0 to 1")
    beyond = set(entry.required or ()) - set(entry.detectors or entry.required or ())
    if beyond:
        raise PolicyFileError(f"{file}: policy '{entry.name}': requires '{min(beyond)}' but does not run it")
    return Policy(
        name=entry.name,
        version=entry.version,
        description=entry.description,
        content_types=frozenset(entry.content_types),
        detectors=None if entry.detectors is None else tuple(entry.detectors),
        required=None if entry.required is None else tuple(entry.required),
        coverage_method=entry.coverage_method,
        coverage_threshold=entry.coverage_threshold,
    )
