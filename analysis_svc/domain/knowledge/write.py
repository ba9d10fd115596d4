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
    r"\b(?:zero|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
    r"|(?:thir|four|fif|six|seven|eigh|nine)teen(?:th)?|(?:twen|thir|for|fif|six|seven|eigh|nine)t(?:y|ieth)"
    r"|first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth"
    r"|(?:hundred|thousand|million|billion|trillion)(?:th|s)?|dozens?|half|halves|quarters?"
    r"|double|triple|twice|thrice)\b",
    re.IGNORECASE,
)
# A name of digits alone, such as section "1", is a name only behind one of these; else it is a number.
_PLACE = (
    r"(?:§|\b(?:article|art\.|section|sec\.|clause|chapter|recital|annex|control|requirement"
    r"|edition|version))\s*"
)
_LETTER = re.compile(r"[^\W\d_]")
_SHORTENED = re.compile(r"\b(arts?|secs?|paras?|nos?)\.(?=\s*\d)", re.IGNORECASE)
# Between two sentences; "e.g." and "U.S." end none.
_ENDED = re.compile(r"(?<!\.\w)[.!?][”\"')]*\s+(?=\S)|(?<=[a-z]{2})[.!?](?=[A-Z])|\n")
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

    Each sentence has a citation, and what stands before one rests on it: every number there is in the quotes
    that are cited, or in a name of theirs that is told verbatim, and every quotation is verbatim. Nothing may
    stand behind the last citation, and only what is there is cited.

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
        claim = text[end : found.start()].strip(" .,;:!?\n")
        if fault := _unsupported(claim, [cited[one - 1] for one in numbers]):
            return fault
        end = found.end()
    return "something in it cites nothing" if text[end:].strip(" .!?\n") else ""


def _unsupported(claim: str, sources: Sequence[Cited]) -> str:
    if any(not any(words in one.quote for one in sources) for words in _QUOTED.findall(claim)):
        return "a quotation is not verbatim"
    unnamed = _without_names(claim, sources)
    if not _numbers(unnamed) <= _numbers(" ".join(one.quote for one in sources)):
        return "a number is not in what it cites"
    # A quotation may have several sentences; where it ends with one, so may the sentence that it stands in.
    own = _QUOTED.sub(lambda found: found[1][-1] if found[1][-1] in ".!?" else " ", unnamed)
    return "something in it cites nothing" if _ENDED.search(_SHORTENED.sub(r"\1", own)) else ""


def _numbers(text: str) -> set[str]:
    return {*_NUMBER.findall(text), *(word.lower() for word in _WORDS.findall(text))}


def _without_names(claim: str, sources: Sequence[Cited]) -> str:
    """Return a claim without the names of what it cites, which are no numbers that it claims."""
    names = {name for one in sources for name in (one.ref_id, one.title, one.edition) if name}
    for name in sorted(names, key=len, reverse=True):
        alone = rf"(?<![\w.]){re.escape(name)}(?!\w)"
        if _LETTER.search(_WORDS.sub("", name)) or "/" in name:
            claim = re.sub(alone, " ", claim)
        else:
            claim = re.sub(_PLACE + alone, " ", claim, flags=re.IGNORECASE)
    return claim
