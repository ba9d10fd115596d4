"""Embeddings of a text's chunks as a file between two steps, and what must be true of them."""

import hashlib
import math
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from analysis_svc.adapters.knowledge.knowledge_tables import DIMENSIONS
from analysis_svc.domain.knowledge.passages import Chunk
from analysis_svc.domain.knowledge.ports import Embedder, Vector
from pipelines.lib.rag_index.chunk_files import chunk_file, read_chunks

_BATCH = 64
_SEEN = 200
"""Characters that make a text another one; the model reads at least so many."""
_UNIT = 1e-3
"""How far a vector's length may be from 1."""


class StaleEmbeddingsError(Exception):
    """The embeddings that lie there are of other chunks, or of another model; the message says which."""


@dataclass(frozen=True, slots=True)
class EmbeddingFacts:
    """What was embedded: how many chunks, and what is wrong with their vectors, a line for each fault."""

    rows: int
    faults: tuple[str, ...]


async def make_embeddings(key: str, out: Path, embedder: Embedder) -> EmbeddingFacts:
    """Embed the chunks of a text and write the vectors, where nothing is wrong with them.

    Raises:
        OSError: the chunks were not made.
    """
    _, chunks = read_chunks(key, out)
    vectors: list[Vector] = []
    for start in range(0, len(chunks), _BATCH):
        vectors += await embedder.embed([one.meaning for one in chunks[start : start + _BATCH]])
    faults = tuple(faults_of(chunks, vectors))
    if faults:
        embedding_file(key, out).unlink(missing_ok=True)
        return EmbeddingFacts(len(vectors), faults)
    unfinished = embedding_file(key, out).with_suffix(".unfinished")
    with unfinished.open("wb") as file:
        np.savez(
            file,
            vectors=np.asarray(vectors, dtype=np.float64),
            chunks=np.array(_digest(key, out)),
            embedder=np.array(embedder.name),
        )
    unfinished.replace(embedding_file(key, out))
    return EmbeddingFacts(len(vectors), ())


def read_embeddings(key: str, out: Path, embedder: str) -> list[Vector]:
    """Return the vectors of a text's chunks, in their order.

    Raises:
        StaleEmbeddingsError: there are none, or they are of other chunks or of another model.
    """
    path = embedding_file(key, out)
    if not path.exists():
        raise StaleEmbeddingsError(f"{key} has no embeddings: materialise knowledge_embeddings")
    with np.load(path, allow_pickle=False) as kept:
        if str(kept["chunks"]) != _digest(key, out) or str(kept["embedder"]) != embedder:
            raise StaleEmbeddingsError(
                f"the embeddings of {key} are of other chunks or of another model: "
                "materialise knowledge_embeddings"
            )
        vectors: list[Vector] = kept["vectors"].tolist()
    return vectors


def faults_of(chunks: Sequence[Chunk], vectors: Sequence[Vector]) -> list[str]:
    """Name what is wrong with the vectors of chunks."""
    if len(vectors) != len(chunks):
        return [f"{len(vectors)} vectors of {len(chunks)} chunks"]
    faults: list[str] = []
    seen: dict[tuple[float, ...], str] = {}
    for chunk, vector in zip(chunks, vectors, strict=True):
        length = math.sqrt(sum(one * one for one in vector))
        if len(vector) != DIMENSIONS or not abs(length - 1) <= _UNIT:
            faults.append(f"chunk {chunk.ordinal}: {len(vector)} numbers, length {length:.3f}")
        # An embedder that sees nothing of a text answers the same to every one.
        start = _spelt_alike(chunk.meaning)[:_SEEN]
        if seen.setdefault(tuple(vector), start) != start:
            faults.append(f"chunk {chunk.ordinal}: the vector of another text")
    return faults


def _spelt_alike(text: str) -> str:
    """Return a text as a model sees it that knows neither case nor accents nor runs of spaces."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return " ".join("".join(one for one in plain if not unicodedata.combining(one)).split())


def _digest(key: str, out: Path) -> str:
    return hashlib.sha256(chunk_file(key, out).read_bytes()).hexdigest()


def embedding_file(key: str, out: Path) -> Path:
    """Where the embeddings of a text lie."""
    return out / f"{key}.embeddings.npz"
