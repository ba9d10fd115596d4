"""Chunks follow the structure of the source; only what is too long for one embedding is cut further."""

import re
from collections.abc import Iterable

from analysis_svc.domain.knowledge.passages import Chunk, Section

CHUNK_LIMIT = 1_200
"""Characters of a chunk's text. The embedding reads 256 tokens, which is about as much English prose."""
CONTEXT_LIMIT = 1_000
"""Characters of what stands around a chunk."""

# Where a text may be cut, best first; a cut falls behind what matched.
_BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.;:!?])\s+"),
    re.compile(r"\s+"),
)


def chunks_of(sections: Iterable[Section], *, limit: int = CHUNK_LIMIT) -> list[Chunk]:
    """Return the chunks of a source in its order; a section without words of its own has none.

    Args:
        sections: in the order of the source.
        limit: most characters of one chunk.
    """
    chunks: list[Chunk] = []
    for section in sections:
        context = ". ".join(part for part in (*section.path, section.context) if part)[:CONTEXT_LIMIT]
        first = len(chunks)
        chunks.extend(
            Chunk(
                ordinal=first + place,
                ref_id=section.ref_id,
                title=section.title,
                path=section.path,
                context=context,
                text=text,
            )
            for place, text in enumerate(split_text(section.text, limit))
        )
    return chunks


def split_text(text: str, limit: int) -> list[str]:
    """Cut a text into parts of at most `limit` characters, each verbatim, at the best place for a cut."""
    rest = text.strip()
    parts: list[str] = []
    while len(rest) > limit:
        cut = _cut(rest, limit)
        parts.append(rest[:cut].rstrip())
        rest = rest[cut:].lstrip()
    if rest:
        parts.append(rest)
    return parts


def _cut(text: str, limit: int) -> int:
    window = text[: limit + 1]
    for pattern in _BREAKS:
        # A cut in the first half would leave parts too small to stand for themselves.
        ends = [found.start() for found in pattern.finditer(window) if limit // 2 < found.start() <= limit]
        if ends:
            return ends[-1]
    return limit
