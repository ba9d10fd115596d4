"""Chunks follow the structure of the source; only what is too long for one embedding is cut further."""

import re
from collections.abc import Iterable, Iterator

from analysis_svc.domain.knowledge.passages import Chunk, Section

CHUNK_LIMIT = 1_200
"""Characters of a chunk's text. The embedding reads 256 tokens, which is about as much English prose."""
CONTEXT_LIMIT = 1_000
"""Characters of what stands around a chunk."""

_INK = re.compile(r"\S")
# Where a text may be cut, best first; a cut falls behind what matched.
_BREAKS = (
    re.compile(r"\n\s*\n"),
    re.compile(r"\n"),
    re.compile(r"(?<=[.;:!?])\s+"),
    re.compile(r"\s+"),
)


class TooManyChunksError(Exception):
    """A source makes more chunks than are taken; they were not counted to the end."""


def chunks_of(
    sections: Iterable[Section], *, limit: int = CHUNK_LIMIT, most: int | None = None
) -> list[Chunk]:
    """Return the chunks of a source in its order; a section without words of its own has none.

    Args:
        sections: in the order of the source.
        limit: most characters of one chunk.
        most: chunks of all sections together.

    Raises:
        TooManyChunksError: there are more than `most`.
    """
    chunks: list[Chunk] = []
    for section in sections:
        context = ". ".join(part for part in (*section.path, section.context) if part)[:CONTEXT_LIMIT]
        for text in _parts(section.text, limit):
            if most is not None and len(chunks) >= most:
                raise TooManyChunksError
            chunks.append(
                Chunk(
                    ordinal=len(chunks),
                    ref_id=section.ref_id,
                    title=section.title,
                    path=section.path,
                    context=context,
                    text=text,
                )
            )
    return chunks


def split_text(text: str, limit: int) -> list[str]:
    """Cut a text into parts of at most `limit` characters, each verbatim, at the best place for a cut."""
    return list(_parts(text, limit))


def _parts(text: str, limit: int) -> Iterator[str]:
    # By index: a copy of all that is left for each part would be quadratic.
    start, end = _INK.search(text), len(text.rstrip())
    while start is not None and end - start.start() > limit:
        window = text[start.start() : start.start() + limit + 1]
        cut = _cut(window, limit)
        yield window[:cut].rstrip()
        start = _INK.search(text, start.start() + cut)
    if start is not None:
        yield text[start.start() : end]


def _cut(window: str, limit: int) -> int:
    for pattern in _BREAKS:
        # A cut in the first half would leave parts too small to stand for themselves.
        ends = [found.start() for found in pattern.finditer(window) if limit // 2 < found.start() <= limit]
        if ends:
            return ends[-1]
    return limit
