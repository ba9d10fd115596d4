"""Chunks of a text as a file between two steps."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from analysis_svc.adapters.knowledge.read_file import read_sections
from analysis_svc.domain.knowledge.chunk import chunks_of
from analysis_svc.domain.knowledge.passages import Chunk
from pipelines.lib.rag_index.sources import KnowledgeSource


def make_chunks(source: KnowledgeSource, texts: Path, out: Path) -> list[Chunk]:
    """Read a text, cut it and write its chunks, with the digest of the text, as one file.

    Raises:
        OSError: the text is not there.
        UnreadableError: it is not of its format.
    """
    content = (texts / source.file).read_bytes()
    chunks = chunks_of(read_sections(content, source.format))
    out.mkdir(parents=True, exist_ok=True)
    # The content, not the file's time: what is indexed already is recognised by it.
    lines = [json.dumps({"sha256": hashlib.sha256(content).hexdigest()})]
    lines += [json.dumps(asdict(one), ensure_ascii=False) for one in chunks]
    unfinished = chunk_file(source.key, out).with_suffix(".unfinished")
    unfinished.write_text("\n".join(lines) + "\n", encoding="utf-8")
    unfinished.replace(chunk_file(source.key, out))
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
