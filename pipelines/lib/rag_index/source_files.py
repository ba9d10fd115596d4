"""Sections of a text as a file between two steps."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from analysis_svc.adapters.knowledge.read_file import read_sections
from analysis_svc.domain.knowledge.passages import Section
from pipelines.lib.rag_index.sources import KnowledgeSource


def take_source(source: KnowledgeSource, texts: Path, out: Path) -> list[Section]:
    """Read a text and write its sections, with the digest of the text, as one file.

    Raises:
        OSError: the text is not there.
        UnreadableError: it is not of its format.
    """
    content = (texts / source.file).read_bytes()
    sections = read_sections(content, source.format)
    # The content, not the file's time: what is indexed already is recognised by it.
    head = {"sha256": hashlib.sha256(content).hexdigest()}
    write_lines(source_file(source.key, out), [head, *map(asdict, sections)])
    return sections


def taken_source(key: str, out: Path) -> tuple[str, list[Section]]:
    """Return the digest of the text and its sections.

    Raises:
        OSError: it was not read yet.
    """
    head, *rows = map(json.loads, source_file(key, out).read_text(encoding="utf-8").splitlines())
    return head["sha256"], [Section(**{**row, "path": tuple(row["path"])}) for row in rows]


def source_file(key: str, out: Path) -> Path:
    """Where the sections of a text lie."""
    return out / f"{key}.sections.jsonl"


def write_lines(path: Path, rows: Iterable[Mapping[str, Any]]) -> None:
    """Write rows as JSON lines, all of them or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_text(
        "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8"
    )
    unfinished.replace(path)
