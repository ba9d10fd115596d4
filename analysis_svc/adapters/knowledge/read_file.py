"""Reads a file of any known format into its sections."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace

from analysis_svc.adapters.knowledge.html import read_html
from analysis_svc.adapters.knowledge.jsonl import read_jsonl
from analysis_svc.adapters.knowledge.oscal import read_oscal
from analysis_svc.adapters.knowledge.pdf import read_pdf
from analysis_svc.adapters.knowledge.plain import read_markdown, read_text
from analysis_svc.adapters.knowledge.unreadable import UnreadableError
from analysis_svc.domain.knowledge.passages import Section

MOST_SECTIONS = 50_000
_MOST_NAME = 200
# What Postgres does not keep (NUL) and what is no text; new lines and tabs stay.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


def read_sections(content: bytes, format: str) -> list[Section]:  # noqa: A002 - what callers call it
    """Read the sections of a file in its order.

    Raises:
        UnreadableError: it is not of that format.
    """
    reader = READERS.get(format)
    if reader is None:
        raise UnreadableError(f"there is no reader for this format, only {', '.join(sorted(READERS))}")
    try:
        sections = reader(content)
    except UnicodeDecodeError:
        raise UnreadableError("it is not UTF-8") from None
    if len(sections) > MOST_SECTIONS:
        raise UnreadableError(f"it has more than {MOST_SECTIONS} sections")
    return [_clean(one) for one in sections]


def _clean(section: Section) -> Section:
    def plain(text: str) -> str:
        return _CONTROL.sub("", text)

    return replace(
        section,
        ref_id=plain(section.ref_id)[:_MOST_NAME],
        title=plain(section.title)[:_MOST_NAME],
        path=tuple(plain(part)[:_MOST_NAME] for part in section.path)[:16],
        text=plain(section.text),
        context=plain(section.context),
    )


READERS: Mapping[str, Callable[[bytes], list[Section]]] = {
    "html": read_html,
    "jsonl": read_jsonl,
    "markdown": read_markdown,
    "oscal": read_oscal,
    "pdf": read_pdf,
    "text": read_text,
}
