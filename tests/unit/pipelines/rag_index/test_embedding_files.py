"""Vectors that say nothing of their chunks never reach the index."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import pytest

from analysis_svc.adapters.knowledge.knowledge_tables import DIMENSIONS
from analysis_svc.domain.knowledge.passages import Chunk
from analysis_svc.domain.knowledge.ports import Vector
from pipelines.lib.rag_index.chunk_files import chunk_file
from pipelines.lib.rag_index.embedding_files import (
    StaleEmbeddingsError,
    embedding_file,
    faults_of,
    make_embeddings,
    read_embeddings,
)

CHUNKS = [Chunk(number, f"A-{number}", "", (), "", f"text {number}") for number in range(3)]


def unit(place: int) -> Vector:
    return [float(one == place) for one in range(DIMENSIONS)]


class Places:
    """Gives each text the unit vector of its place; `same` gives all of them one."""

    name = "places"

    def __init__(self, *, same: bool = False) -> None:
        self._same = same

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        return [unit(0 if self._same else place) for place in range(len(texts))]


def write(out: Path, chunks: Sequence[Chunk]) -> None:
    rows = [{"sha256": "00"}, *(asdict(one) for one in chunks)]
    chunk_file("law", out).write_text("\n".join(map(json.dumps, rows)))


async def test_vectors_are_read_as_they_were_written_and_only_with_their_chunks(tmp_path: Path) -> None:
    write(tmp_path, CHUNKS)
    made = await make_embeddings("law", tmp_path, Places())
    assert (made.rows, made.faults) == (3, ())
    assert read_embeddings("law", tmp_path, "places") == [unit(0), unit(1), unit(2)]
    with pytest.raises(StaleEmbeddingsError, match="another model"):
        read_embeddings("law", tmp_path, "another")
    write(tmp_path, CHUNKS[:2])
    with pytest.raises(StaleEmbeddingsError, match="other chunks"):
        read_embeddings("law", tmp_path, "places")


async def test_vectors_with_a_fault_take_those_before_with_them(tmp_path: Path) -> None:
    write(tmp_path, CHUNKS)
    await make_embeddings("law", tmp_path, Places())
    made = await make_embeddings("law", tmp_path, Places(same=True))
    assert made.faults == ("chunk 1: the vector of another text", "chunk 2: the vector of another text")
    assert not embedding_file("law", tmp_path).exists()
    with pytest.raises(StaleEmbeddingsError, match="no embeddings"):
        read_embeddings("law", tmp_path, "places")


@pytest.mark.parametrize(
    ("vectors", "fault"),
    [
        ([unit(0), unit(1)], "2 vectors of 3 chunks"),
        ([unit(0), unit(1), [0.0] * DIMENSIONS], "chunk 2: 384 numbers, length 0.000"),
        ([unit(0), unit(1), [float("nan")] * DIMENSIONS], "chunk 2: 384 numbers, length nan"),
        ([unit(0), unit(1), [1.0]], "chunk 2: 1 numbers, length 1.000"),
    ],
)
def test_vectors_that_are_no_directions_are_named(vectors: list[Vector], fault: str) -> None:
    assert faults_of(CHUNKS, vectors) == [fault]


def test_texts_that_a_model_reads_alike_may_have_one_vector() -> None:
    titles = ["GENERAL  PROVISIONS", "General provisions", "Général provisions"]
    chunks = [Chunk(number, "", "", (), "", title) for number, title in enumerate(titles)]
    assert faults_of(chunks, [unit(0)] * 3) == []
