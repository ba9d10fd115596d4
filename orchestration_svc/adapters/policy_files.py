"""The policies that come with the service, read from YAML."""

import re
from pathlib import Path

import msgspec
import yaml

from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.policy import CoverageMethod, Policy

DEFAULT = "default"
SHIPPED = Path(__file__).parents[1] / "data" / "policies.yaml"


class PolicyFileError(Exception):
    """The policy file is wrong; the message names file and line."""

    def __init__(self, path: Path, line: int, problem: str) -> None:
        super().__init__(f"{path.name}:{line}: {problem}")


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
        root = _compose(path)
        try:
            entries = msgspec.convert(yaml.safe_load(path.read_bytes()), _File).policies
        except msgspec.ValidationError as error:
            wrong, _, place = str(error).partition(" - at `$")
            raise PolicyFileError(path, _line(root, place.rstrip("`")), wrong) from None
        self._policies: dict[str, Policy] = {}
        for index, entry in enumerate(entries):
            problem = "is there twice" if entry.name in self._policies else _fault(entry)
            if problem:
                raise PolicyFileError(
                    path, _line(root, f".policies[{index}]"), f"policy '{entry.name}' {problem}"
                )
            self._policies[entry.name] = _policy(entry)
        if DEFAULT not in self._policies:
            raise PolicyFileError(path, 1, f"there is no policy '{DEFAULT}'")

    def get(self, name: str | None) -> Policy:
        """Return the policy, the default for None."""
        policy = self._policies.get(DEFAULT if name is None else name)
        if policy is None:
            raise ServiceError(ErrorCode.POLICY_NOT_FOUND, "there is no policy of this name", field="policy")
        return policy


def _compose(path: Path) -> yaml.Node:
    """Read the file as nodes, which know their lines; a key that stands twice is found here only."""
    try:
        root = yaml.compose(path.read_bytes(), Loader=yaml.SafeLoader)
    except OSError as error:
        raise PolicyFileError(path, 1, f"cannot be read: {error.strerror}") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PolicyFileError(path, line, f"is not YAML: {error.problem}") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        raise PolicyFileError(path, 1, "is not YAML in UTF-8") from None
    if root is None:
        raise PolicyFileError(path, 1, "is empty")
    _refuse_repeated_keys(path, root)
    return root


def _refuse_repeated_keys(path: Path, node: yaml.Node) -> None:
    if isinstance(node, yaml.SequenceNode):
        for child in node.value:
            _refuse_repeated_keys(path, child)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, child in node.value:
            if str(key.value) in seen:
                raise PolicyFileError(path, key.start_mark.line + 1, f"'{key.value}' is there twice")
            seen.add(str(key.value))
            _refuse_repeated_keys(path, child)


def _line(node: yaml.Node, place: str) -> int:
    """Return the line of a place such as ``.policies[2].name``, or of the nearest thing around it."""
    for name, index in re.findall(r"\.(\w+)|\[(\d+)\]", place):
        found = None
        if name and isinstance(node, yaml.MappingNode):
            found = next((child for key, child in node.value if key.value == name), None)
        elif index and isinstance(node, yaml.SequenceNode):
            found = node.value[int(index)]
        if found is None:
            break
        node = found
    return int(node.start_mark.line) + 1


def _fault(entry: _Entry) -> str | None:
    if not 0 <= entry.coverage_threshold <= 1:
        return "has a coverage_threshold that is no share from 0 to 1"
    if not entry.content_types:
        return "is for no content type"
    if entry.detectors is not None:
        if not entry.detectors:
            return "runs no detector; leave 'detectors' out to run all"
        if beyond := set(entry.required or ()) - set(entry.detectors):
            return f"requires '{min(beyond)}' but does not run it"
    return None


def _policy(entry: _Entry) -> Policy:
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
