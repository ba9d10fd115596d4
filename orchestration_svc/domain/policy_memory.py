"""What policies answered before: the same question to the same version has the same answer.

That holds for Rego whose calls are of the closed list, as none of them knows a time, a chance or a network. A
program of which it is not known what it reads, as one written in Python, is asked every time.
"""

import json
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from orchestration_svc.domain.policy_program import JsonObject, PolicyProgram

KEPT = 1_024
"""Answers that are remembered, of all tenants together."""
QUESTION_CHARACTERS = 2_048
"""Longest question whose answer is remembered, in characters of JSON."""
ANSWER_CHARACTERS = 4_096
"""Longest answer that is remembered, in characters of JSON."""
_WRITTEN = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
_Read = TypeVar("_Read")
Key = tuple[PolicyProgram, str]


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, with what of it the program can read.

    Attributes:
        question: the rest left out, for a program whose reading is known.
        key: under which its answer is remembered; None for one that is not.
    """

    question: JsonObject
    key: Key | None


def asked(program: PolicyProgram, question: JsonObject) -> Asked:
    """Leave out of a question what the program does not read."""
    if program.reads is None:
        return Asked(question, None)
    seen = {name: part for name, part in question.items() if name in program.reads}
    try:
        written = _WRITTEN(seen)
    except ValueError:  # no number of JSON, which is the engine's to refuse
        return Asked(seen, None)
    return Asked(seen, (program, written) if len(written) <= QUESTION_CHARACTERS else None)


class PolicyMemory(Generic[_Read]):
    """Remembers what was read from the answers of one rule; those used last stay longest."""

    def __init__(self) -> None:
        self._kept: OrderedDict[Key, _Read] = OrderedDict()

    def recall(self, key: Key | None) -> _Read | None:
        """Return what is remembered, None for nothing."""
        if key is None or key not in self._kept:
            return None
        self._kept.move_to_end(key)
        return self._kept[key]

    def learn(self, key: Key | None, answer: object, read: Callable[[object], _Read]) -> _Read:
        """Return what ``read`` makes of an answer, and remember it; one that it refuses is forgotten."""
        made = read(answer)
        if key is not None and len(_WRITTEN(answer)) <= ANSWER_CHARACTERS:
            self._kept[key] = made
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return made
