"""Prose by a model, and what it must keep to before anybody reads it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from analysis_svc.domain.knowledge.models import Cited

_CITATION = re.compile(r"\[(\d{1,3})\]")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_QUOTED = re.compile(r"[“\"]([^”\"]{3,})[”\"]")
_CITATIONS = re.compile(r"(?:\[\d{1,3}\][\s,;]*)+")
# Numbers as words say as much as digits do.
_WORDS = re.compile(
    r"\b(?:one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|fifteen|twenty|thirty|forty|fifty|sixty"
    r"|seventy|eighty|ninety|hundred|thousand|million|billion|half|third|quarter|double|twice)\b",
    re.IGNORECASE,
)
LONGEST = 2_000
"""Characters of an answer."""


class WriterUnavailableError(Exception):
    """No model answered; the message says in a few words why."""


@dataclass(frozen=True, slots=True)
class Written:
    """What a model wrote, and its name with its version."""

    text: str
    model: str


class Writer(Protocol):
    """Writes an answer from quotes."""

    async def write(self, question: str, cited: Sequence[Cited]) -> Written:
        """Write an answer that names quotes as [1], [2] ….

        Raises:
            WriterUnavailableError: no model answered in time.
        """
        ...


def fault_of(text: str, cited: Sequence[Cited]) -> str:
    """Return why a model's answer cannot be used, or "".

    What stands before a citation rests on it: every number there is in what is cited, and every quotation is
    verbatim. Nothing may stand behind the last citation, and only what is there is cited.

    Args:
        text: what the model wrote.
        cited: the quotes that it was given, [1] first.
    """
    if not text.strip() or len(text) > LONGEST:
        return f"it has not 1 to {LONGEST} characters"
    end = 0
    for found in _CITATIONS.finditer(text):
        numbers = [int(one) for one in _CITATION.findall(found.group())]
        if any(not 1 <= one <= len(cited) for one in numbers):
            return "it cites what is not there"
        if fault := _unsupported(text[end : found.start()], [cited[one - 1] for one in numbers]):
            return fault
        end = found.end()
    return "something in it cites nothing" if text[end:].strip(" .!?\n") else ""


def _unsupported(claim: str, sources: Sequence[Cited]) -> str:
    said = " ".join(f"{one.quote} {one.ref_id} {one.title} {one.edition}" for one in sources)
    known = set(_NUMBER.findall(said)) | {word.lower() for word in _WORDS.findall(said)}
    for number in (*_NUMBER.findall(claim), *(word.lower() for word in _WORDS.findall(claim))):
        if number not in known:
            return "a number is not in what it cites"
    if any(not any(words in one.quote for one in sources) for words in _QUOTED.findall(claim)):
        return "a quotation is not verbatim"
    return ""
