"""Whatever is asked of the whole regulatory set, every quote stands word for word in the published file."""

import asyncio
import re
import zlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import numpy as np
import pytest

from analysis_svc.adapters.knowledge.read_file import read_sections
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.knowledge.ask import Knowledge
from analysis_svc.domain.knowledge.chunk import chunks_of
from analysis_svc.domain.knowledge.models import MAX_CITED, Answer, AnswerKind, DocumentFacts, Hit, Question
from analysis_svc.domain.knowledge.passages import Chunk
from analysis_svc.domain.knowledge.ports import Found, SearchSpace, Vector
from analysis_svc.domain.knowledge.quote import MAX_QUOTE
from analysis_svc.domain.knowledge.references import normal_reference
from pipelines.lib.rag_index.sources import KnowledgeSource
from tests.fixtures.official_texts import Asked, official_texts, published, questions

WORDS = re.compile(r"\w+")
DIMENSIONS = 384
LEAST_QUOTES = 1_000


class HashedWords:
    """Vectors of hashed words: the whole set is embedded in a second, and quotes do not hang on the model."""

    name = "hashed-words"

    async def embed(self, texts: Sequence[str]) -> list[Vector]:
        vectors = np.zeros((len(texts), DIMENSIONS), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in WORDS.findall(text.lower()):
                vectors[row, zlib.crc32(word.encode()) % DIMENSIONS] += 1.0
        unit: list[Vector] = list(vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9))
        return unit


class IndexInMemory:
    """All chunks of all texts, searched by shared words, by vectors and by the names of places."""

    def __init__(self) -> None:
        self.documents: list[DocumentFacts] = []
        self.chunks: list[tuple[UUID, DocumentFacts, Chunk]] = []
        self.holding: dict[str, set[int]] = defaultdict(set)
        self.named: dict[str, list[int]] = defaultdict(list)
        self.vectors = np.zeros((0, DIMENSIONS), dtype=np.float32)

    async def add(self, source: KnowledgeSource, folder: Path) -> None:
        cut = chunks_of(read_sections((folder / source.file).read_bytes(), source.format))
        facts = DocumentFacts(
            id=uuid4(),
            source=source.key,
            title=source.title,
            edition=source.edition,
            format=source.format,
            digest=b"",
            embedder=HashedWords.name,
            chunks=len(cut),
            lexemes=50 * len(cut),
            added_at=datetime.now(UTC),
            added_by="test",
        )
        self.documents.append(facts)
        for one in cut:
            for word in set(WORDS.findall(one.meaning.lower())):
                self.holding[word].add(len(self.chunks))
            self.named[normal_reference(one.ref_id)].append(len(self.chunks))
            self.chunks.append((uuid4(), facts, one))
        vectors = await HashedWords().embed([one.meaning for one in cut])
        self.vectors = np.concatenate([self.vectors, np.array(vectors)])

    async def space(
        self, tenant_id: UUID, text: str, sources: Sequence[str], *, version: int | None = None
    ) -> SearchSpace:
        assert version is None
        if tenant_id != OPERATOR_TENANT_ID:
            return SearchSpace(0, (), {})
        asked = {word: len(self.holding.get(word, ())) for word in WORDS.findall(text.lower())}
        chosen = tuple(one for one in self.documents if not sources or one.source in sources)
        return SearchSpace(1, chosen, asked)

    async def search(
        self,
        tenant_id: UUID,
        documents: Sequence[DocumentFacts],
        *,
        vector: Vector,
        weights: Mapping[str, float],
        mean_length: float,
        references: Sequence[str],
        places_of: Sequence[DocumentFacts],
        limit: int,
    ) -> Found:
        assert tenant_id == OPERATOR_TENANT_ID
        assert mean_length > 0
        cosines = self.vectors @ np.asarray(vector)
        covered = np.zeros(len(self.chunks))
        for word, weight in weights.items():
            covered[list(self.holding.get(word, ()))] += weight
        searched = {one.id for one in documents}
        mine = np.array([facts.id in searched for _, facts, _ in self.chunks])

        def hits(places: Iterable[int]) -> tuple[Hit, ...]:
            return tuple(
                Hit(
                    chunk_id=self.chunks[place][0],
                    document=self.chunks[place][1],
                    ref_id=self.chunks[place][2].ref_id,
                    title=self.chunks[place][2].title,
                    path=self.chunks[place][2].path,
                    text=self.chunks[place][2].text,
                    score=float(cosines[place]),
                    cosine=float(cosines[place]),
                    covered=float(covered[place]),
                )
                for place in places
                if mine[place]
            )

        looked_in = {one.id for one in places_of}
        named = [
            place
            for name in references
            for place in self.named.get(name, ())
            if self.chunks[place][1].id in looked_in
        ]
        return Found(
            hits(np.argsort(-np.where(mine, covered, -1))[:limit]),
            hits(np.argsort(-np.where(mine, cosines, -1))[:limit]),
            hits(named[:limit]),
        )


@dataclass(frozen=True)
class Told:
    """What was asked and answered, and the index that it was answered from."""

    answers: list[tuple[Asked, Answer]]
    index: IndexInMemory


@pytest.fixture(scope="module")
def told(shared_data: Path) -> Told:
    """Each question, asked of all sources together, and of one alone in turn."""

    async def ask() -> Told:
        texts, index = official_texts(), IndexInMemory()
        for one in texts.values():
            await index.add(one, shared_data)
        knowledge = Knowledge(index, HashedWords())
        answers = [
            (one, await knowledge.query(uuid4(), Question(one.ask, sources, MAX_CITED)))
            for number, one in enumerate(questions())
            for sources in ((), (list(texts)[number % len(texts)],))
        ]
        return Told(answers, index)

    return asyncio.run(ask())


def test_every_quote_of_every_source_is_verbatim_in_its_file_and_in_its_chunk(
    told: Told, shared_data: Path
) -> None:
    texts = official_texts()
    cited = [one for _, answer in told.answers for one in answer.citations]
    files = {key: published(one, shared_data) for key, one in texts.items()}
    cut: dict[tuple[UUID, str], list[str]] = {}
    for _, facts, chunk in told.index.chunks:
        cut.setdefault((facts.id, chunk.ref_id), []).append(chunk.text)

    assert [
        f"{one.source} {one.ref_id}: {one.quote}"
        for one in cited
        if not files[one.source].has(one.quote)
        or not any(one.quote in text for text in cut[one.document_id, one.ref_id])
        or len(one.quote) > MAX_QUOTE
    ] == []
    assert {one.source for one in cited} == set(texts)
    assert len({(one.document_id, one.quote) for one in cited}) >= LEAST_QUOTES


def test_place_that_no_text_has_is_not_answered_by_another_of_its_neighbours(told: Told) -> None:
    answers = [answer for asked, answer in told.answers if asked.none == "other_place"]
    assert len(answers) == 32
    assert {one.kind for one in answers} == {AnswerKind.NOT_IN_SOURCES}


@pytest.mark.parametrize(
    ("source", "quote"),
    [
        ("gdpr", "not later than 72 hours after having become aware of it"),
        (
            "nist-800-53-moderate",
            "a. Develop, document, and disseminate to [Assignment: organization-defined personnel or roles]:",
        ),
    ],
)
def test_quote_with_one_other_word_does_not_stand_in_the_file(
    shared_data: Path, source: str, quote: str
) -> None:
    file = published(official_texts()[source], shared_data)
    assert file.has(quote)
    assert not file.has(quote.replace("72", "73").replace("disseminate", "disperse"))
