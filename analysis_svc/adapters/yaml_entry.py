"""A YAML file read with its line numbers, so that a fault names the place to mend."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeVar

import yaml

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Choice = TypeVar("_Choice", bound=StrEnum)


class DataFileError(Exception):
    """A data file is wrong; the message begins with file and line."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One node of a YAML file, read on demand as what it is expected to be."""

    path: Path
    node: yaml.Node

    def fault(self, message: str) -> DataFileError:
        """The error that points at this node."""
        return DataFileError(f"{self.path}:{self.node.start_mark.line + 1}: {message}")

    def text(self, *, limit: int | None = None) -> str:
        """A non-empty string of at most `limit` characters."""
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.fault("expected a text")
        value = str(self.node.value).strip()
        if not value:
            raise self.fault("expected a text, found nothing")
        if limit is not None and len(value) > limit:
            raise self.fault(f"{len(value)} characters, at most {limit} are allowed")
        return value

    def fraction(self) -> float:
        """A number in [0, 1]."""
        try:
            value = float(self.text())
        except ValueError:
            raise self.fault("expected a number") from None
        if not math.isfinite(value) or not 0.0 <= value <= 1.0:
            raise self.fault("expected a number between 0 and 1")
        return value

    def truth(self) -> bool:
        """True or false."""
        value = self.text()
        if value not in {"true", "false"}:
            raise self.fault("expected true or false")
        return value == "true"

    def choice(self, kind: type[_Choice]) -> _Choice:
        """One of the values of an enum."""
        value = self.text()
        if value not in {str(item) for item in kind}:
            allowed = ", ".join(kind)
            raise self.fault(f"{value!r} is not one of {allowed}")
        return kind(value)

    def items(self) -> list["Entry"]:
        """The elements of a list that is not empty."""
        if not isinstance(self.node, yaml.SequenceNode) or not self.node.value:
            raise self.fault("expected a list with at least one element")
        return [Entry(self.path, item) for item in self.node.value]

    def is_list(self) -> bool:
        """Whether the node is a list."""
        return isinstance(self.node, yaml.SequenceNode)

    def pairs(self) -> list[tuple["Entry", "Entry"]]:
        """Keys and values of a mapping; a key given twice is a fault."""
        if not isinstance(self.node, yaml.MappingNode) or not self.node.value:
            raise self.fault("expected a mapping with at least one key")
        pairs = [(Entry(self.path, key), Entry(self.path, value)) for key, value in self.node.value]
        seen: set[str] = set()
        for key, _ in pairs:
            name = key.text()
            if name in seen:
                raise key.fault(f"{name!r} is given twice")
            seen.add(name)
        return pairs

    def fields(self, names: Iterable[str]) -> dict[str, "Entry"]:
        """A mapping with exactly these keys."""
        wanted = set(names)
        fields = {}
        for key, value in self.pairs():
            if key.text() not in wanted:
                raise key.fault(f"unknown key {key.text()!r}, expected {', '.join(sorted(wanted))}")
            fields[key.text()] = value
        if missing := sorted(wanted - fields.keys()):
            raise self.fault(f"missing {', '.join(missing)}")
        return fields


def read_yaml(path: Path) -> Entry:
    """Read the one document of a YAML file.

    Raises:
        DataFileError: when the file cannot be read, is no YAML, or is empty.
    """
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except OSError as error:
        raise DataFileError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        raise DataFileError(f"{path}{line}: not valid YAML: {getattr(error, 'problem', error)}") from error
    if node is None:
        raise DataFileError(f"{path}:1: the file is empty")
    return Entry(path, node)
