"""YAML read as nodes, so that every fault can name its file and line."""

from collections.abc import Iterator
from pathlib import Path

import yaml

_STRING = "tag:yaml.org,2002:str"
_NULL = "tag:yaml.org,2002:null"
_NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})
_BOOL = "tag:yaml.org,2002:bool"
_Loader: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class DataFaultError(Exception):
    """A data file says something it may not. The message is `file:line: key: what is wrong`."""

    def __init__(self, path: Path, line: int, key: str, problem: str) -> None:
        where = f"{key}: " if key else ""
        super().__init__(f"{path.name}:{line}: {where}{problem}")
        self.path = path
        self.line = line
        self.key = key


class Value:
    """One node of a file, read as the type the schema expects; anything else is a DataFaultError."""

    def __init__(self, path: Path, node: yaml.Node, key: str) -> None:
        self.path = path
        self.node = node
        self.key = key

    @property
    def line(self) -> int:
        """The line of the file, counted from 1."""
        return int(self.node.start_mark.line) + 1

    def fault(self, problem: str) -> DataFaultError:
        """Returns the error that names this place."""
        return DataFaultError(self.path, self.line, self.key, problem)

    def text(self) -> str:
        """Returns a string that is not empty."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag != _STRING or not self.node.value:
            raise self.fault("expected a text (quote numbers and yes/no)")
        return str(self.node.value)

    def number(self, low: float, high: float) -> float:
        """Returns a number between two bounds, both allowed."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag not in _NUMBERS:
            raise self.fault("expected a number")
        try:
            value = float(self.node.value)
        except ValueError:
            raise self.fault("expected a plain decimal number") from None
        if not low <= value <= high:
            raise self.fault(f"must be from {low:g} to {high:g}, is {self.node.value}")
        return value

    def boolean(self) -> bool:
        """Returns true or false."""
        if not isinstance(self.node, yaml.ScalarNode) or self.node.tag != _BOOL:
            raise self.fault("expected true or false")
        return str(self.node.value).lower() in {"true", "yes", "on"}

    @property
    def is_text(self) -> bool:
        """Whether the node is a plain string."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == _STRING

    def items(self) -> Iterator["Value"]:
        """Yields the elements of a list."""
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.fault("expected a list")
        for child in self.node.value:
            yield Value(self.path, child, self.key)

    def fields(self) -> Iterator[tuple["Value", "Value"]]:
        """Yields the keys and values of a mapping in the order of the file; a key twice is a fault."""
        if not isinstance(self.node, yaml.MappingNode):
            raise self.fault("expected a mapping")
        seen: dict[str, int] = {}
        for key_node, value_node in self.node.value:
            if not isinstance(key_node, yaml.ScalarNode) or key_node.tag == _NULL:
                raise Value(self.path, key_node, self.key).fault("a key must be a text")
            name = str(key_node.value)
            key = Value(self.path, key_node, name)
            if name in seen:
                raise key.fault(f"is there twice, first on line {seen[name]}")
            seen[name] = key.line
            yield key, Value(self.path, value_node, name)

    def section(self, *, required: frozenset[str], optional: frozenset[str]) -> dict[str, "Value"]:
        """Returns the fields of a mapping by name; an unknown or missing one is a fault."""
        found: dict[str, Value] = {}
        for key, value in self.fields():
            if key.key not in required | optional:
                known = ", ".join(sorted(required | optional))
                raise key.fault(f"is no field here; the fields are {known}")
            found[key.key] = value
        for name in sorted(required - found.keys()):
            raise self.fault(f"the field {name} is missing")
        return found


def read_yaml(path: Path) -> Value:
    """Reads a file that holds one YAML document.

    Raises:
        DataFaultError: not UTF-8, not YAML, empty, or more than one document.
    """
    try:
        text = path.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise DataFaultError(path, 1, "", "is not UTF-8") from None
    try:
        node = yaml.compose(text, Loader=_Loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = 1 if mark is None else mark.line + 1
        raise DataFaultError(path, line, "", f"is not YAML: {error.problem or error.context}") from error
    except yaml.YAMLError as error:
        raise DataFaultError(path, 1, "", "is not YAML") from error
    if node is None:
        raise DataFaultError(path, 1, "", "is empty")
    return Value(path, node, "")
