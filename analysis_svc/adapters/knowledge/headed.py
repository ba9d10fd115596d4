"""Sections of a text whose structure is told by headings."""

import re

from analysis_svc.domain.knowledge.passages import Section

# A heading that begins with its place's name: "Article 5 Principles", "4.2 Scope", "AC-2 Account Management".
_NAMED = re.compile(
    r"""^(?P<ref>
        (?:article|art\.|section|recital|annex|chapter|clause|§)\s*[0-9ivxlc]+[a-z]?(?:\([0-9a-z]+\))*
        | [a-z]{1,6}[.-][0-9]{1,3}(?:\.[0-9]{1,3})*(?:\([0-9a-z]+\))*
        | [0-9]{1,3}(?:\.[0-9]{1,3})*(?:\([0-9a-z]+\))*
    )(?=[\s.:)\u2013\u2014-]|$)[\s.:)\u2013\u2014-]*(?P<title>.*)$""",
    re.IGNORECASE | re.VERBOSE | re.DOTALL,
)


class Headed:
    """Collects headings and the words under them, in the order of the text."""

    def __init__(self) -> None:
        self._open: list[tuple[int, str]] = []
        self._lines: list[str] = []
        self._done: list[Section] = []

    def heading(self, level: int, words: str) -> None:
        """Begin a section; `level` 1 is the whole's."""
        self._close()
        if words := words.strip():
            self._open = [one for one in self._open if one[0] < level] + [(level, words)]

    def words(self, words: str) -> None:
        """Add a paragraph to the section that is open."""
        if words.strip():
            self._lines.append(words)

    def sections(self) -> list[Section]:
        """Return the sections that have words of their own."""
        self._close()
        return self._done

    def _close(self) -> None:
        if self._lines:
            path = tuple(words for _, words in self._open)
            reference, title = place_of(path[-1]) if path else ("", "")
            self._done.append(Section(reference, title, path, "\n".join(self._lines)))
            self._lines = []


def place_of(heading: str) -> tuple[str, str]:
    """Return the name of a place and its title, as ("Article 5", "Principles"); the name may be empty."""
    found = _NAMED.match(heading)
    return (found["ref"].strip(), found["title"].strip()) if found else ("", heading)
