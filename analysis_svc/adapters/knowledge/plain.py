"""Reads Markdown and plain text."""

import re

from analysis_svc.adapters.knowledge.headed import Headed
from analysis_svc.domain.knowledge.passages import Section

_FENCE = re.compile(r"^\s{0,3}(```|~~~)")
_ATX = re.compile(r"^\s{0,3}(#{1,6})\s+(.*)$")
_UNDERLINE = re.compile(r"^\s{0,3}(=+|-{3,})\s*$")
_MARKS = re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1")
# A line of plain text that is a heading: it begins with the name of a place and is short, or is numbered.
_PLACE = re.compile(
    r"^(?:(?:article|section|recital|annex|chapter|clause)\s+[0-9IVXLC]+[a-z]?\b|§\s*[0-9]+|[A-Z]{1,4}-[0-9]{1,2}\b)",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"^[0-9]{1,2}(?:\.[0-9]{1,3})+\.?\s+[A-Z]")
_MOST_HEADING = 120
# Marks of emphasis are looked for to the end of a heading, from each of them: what is longer is cut.
_MOST_MARKED = 1_000


def read_markdown(content: bytes) -> list[Section]:
    """Read sections by heading; what stands in fenced code is words like others."""
    headed, fenced = Headed(), False
    lines: list[str] = []
    for line in content.decode("utf-8", "strict").splitlines():
        if _FENCE.match(line):
            fenced = not fenced
            continue
        heading = None if fenced else _ATX.match(line)
        underline = None if fenced else _UNDERLINE.match(line)
        if heading:
            _words(headed, lines)
            # By hand: a pattern for the blanks and signs at its end takes cubic time on a line of blanks.
            words = heading[2].rstrip().rstrip("#").rstrip()
            headed.heading(len(heading[1]), _MARKS.sub(r"\2", words[:_MOST_MARKED]))
        elif underline and lines and lines[-1].strip():
            title = lines.pop()
            _words(headed, lines)
            headed.heading(1 if underline[1].startswith("=") else 2, title)
        else:
            lines.append(line)
    _words(headed, lines)
    return headed.sections()


def read_text(content: bytes) -> list[Section]:
    """Read plain text: a line that names a place, such as "Article 5", begins a section."""
    headed = Headed()
    lines: list[str] = []
    for line in content.decode("utf-8", "strict").splitlines():
        bare = line.strip()
        if len(bare) <= _MOST_HEADING and (_PLACE.match(bare) or _NUMBERED.match(bare)):
            _words(headed, lines)
            headed.heading(1, bare)
        else:
            lines.append(line.rstrip())
    _words(headed, lines)
    return headed.sections()


def _words(headed: Headed, lines: list[str]) -> None:
    headed.words("\n".join(lines).strip("\n"))
    lines.clear()
