"""Chunks of a text as a file between two steps."""

import json
from dataclasses import asdict
from pathlib import Path

from analysis_svc.domain.knowledge.chunk import chunks_of
from analysis_svc.domain.knowledge.passages import Chunk
from pipelines.lib.rag_index.source_files import taken_source, write_lines


def make_chunks(key: str, out: Path) -> list[Chunk]:
    """Cut a text that was read and write its chunks, with the digest of the text, as one file.

    Raises:
        OSError: it was not read yet.
    """
    digest, sections = taken_source(key, out)
    chunks = chunks_of(sections)
    write_lines(chunk_file(key, out), [{"sha256": digest}, *map(asdict, chunks)])
    return chunks


def read_chunks(key: str, out: Path) -> tuple[str, list[Chunk]]:
    """Return the digest of the text and its chunks.

    Raises:
        OSError: they were not made.
    """
    head, *rows = map(json.loads, chunk_file(key, out).read_text(encoding="utf-8").splitlines())
    return head["sha256"], [Chunk(**{**row, "path": tuple(row["path"])}) for row in rows]


def chunk_file(key: str, out: Path) -> Path:
    """Where the chunks of a text lie."""
    return out / f"{key}.chunks.jsonl"
