"""Which texts the shared index is made of, and where they lie."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

SHIPPED = Path(__file__).parents[2] / "data" / "knowledge_sources.yaml"


@dataclass(frozen=True, slots=True)
class KnowledgeSource:
    """One official text.

    Attributes:
        key: what questions can be narrowed to.
        file: under the folder of texts.
        title: as people call it.
        edition: which one.
        format: of the file.
        questions: file of judged questions on it, under the same folder; empty for none.
    """

    key: str
    file: str
    title: str
    edition: str
    format: str
    questions: str = ""


def read_sources(path: Path = SHIPPED) -> Mapping[str, KnowledgeSource]:
    """Read the list of texts, by key."""
    rows = yaml.safe_load(path.read_text(encoding="utf-8"))
    return {key: KnowledgeSource(key=key, **fields) for key, fields in rows.items()}
