"""The use case behind /rag/query: search, fuse, quote, and say so when the sources do not answer."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID

from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.knowledge.fuse import fuse, word_weight
from analysis_svc.domain.knowledge.models import (
    MAX_CITED,
    MAX_QUESTION,
    Answer,
    AnswerKind,
    Cited,
    Hit,
    Question,
)
from analysis_svc.domain.knowledge.named import documents_named, foreign_laws, mentioned, unknown_names
from analysis_svc.domain.knowledge.ports import Embedder, Found, KnowledgeIndex, SearchSpace
from analysis_svc.domain.knowledge.quote import best_quote
from analysis_svc.domain.knowledge.rate import NOT_IN_SOURCES_UNDER, relevance, total
from analysis_svc.domain.knowledge.references import references_in
from analysis_svc.domain.knowledge.write import Writer, WriterUnavailableError, fault_of

HITS = 50
"""Most hits of each search that are fused."""
_QUOTED = 3
_NOT_THE_PLACE = round(NOT_IN_SOURCES_UNDER / 2, 4)
"""Most relevance of what is near a place or a law that the sources do not have."""
NOT_IN_SOURCES = "The indexed sources do not answer this."
NOTHING_INDEXED = "Nothing is indexed that could answer this."


@dataclass(frozen=True, slots=True)
class RankedHit:
    """A chunk in the fused ranking; `relevance` in [0, 1] says how well it answers by itself."""

    hit: Hit
    relevance: float
    private: bool


@dataclass(frozen=True, slots=True)
class Ranking:
    """What was found and in which versions.

    Attributes:
        hits: all searches fused, best first.
        answerable: False where the question asks for a place that no source has, or for another law.
        by_words: what the search by words found, best first.
        by_meaning: what the search by meaning found, best first.
        weights: of the question's words.
        shared_version: of the index that all tenants share.
        own_version: of the tenant's own.
    """

    hits: tuple[RankedHit, ...]
    answerable: bool
    by_words: tuple[Hit, ...]
    by_meaning: tuple[Hit, ...]
    weights: Mapping[str, float]
    shared_version: int
    own_version: int


class Knowledge:
    """Answers questions from the shared sources and the tenant's own.

    Args:
        index: searches.
        embedder: of the question.
        writer: puts quotes into prose; None: quotes stand for themselves.
    """

    def __init__(self, index: KnowledgeIndex, embedder: Embedder, writer: Writer | None = None) -> None:
        self._index = index
        self._embedder = embedder
        self._writer = writer

    async def query(self, tenant_id: UUID, question: Question) -> Answer:
        """Answer a question with verbatim quotes, or in prose that was checked against them.

        Raises:
            ServiceError: INVALID_REQUEST naming the field; SERVICE_UNAVAILABLE when the database is away.
        """
        if not question.text.strip() or len(question.text) > MAX_QUESTION:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, f"must have 1 to {MAX_QUESTION} characters", field="question"
            )
        if not 1 <= question.limit <= MAX_CITED:
            raise ServiceError(ErrorCode.INVALID_REQUEST, f"must be from 1 to {MAX_CITED}", field="limit")
        # The database takes every character but this one.
        question = replace(question, text=question.text.replace("\0", " "))
        ranking = await self.rank(tenant_id, question)
        cited = tuple(_cited(one, ranking.weights) for one in ranking.hits[: question.limit])
        confidence = max((one.score for one in cited), default=0.0)
        if not ranking.answerable:
            # The nearest places are still told, as what they are: none of them is what was asked for.
            confidence = min(confidence, _NOT_THE_PLACE)
            cited = tuple(replace(one, score=min(one.score, _NOT_THE_PLACE)) for one in cited)
        if confidence < NOT_IN_SOURCES_UNDER:
            prose, kind = (NOT_IN_SOURCES if cited else NOTHING_INDEXED), AnswerKind.NOT_IN_SOURCES
        else:
            prose, kind = _extract(cited), AnswerKind.EXTRACTIVE
        answer = Answer(
            answer=prose,
            confidence=round(confidence, 4),
            kind=kind,
            citations=cited,
            shared_version=ranking.shared_version,
            own_version=ranking.own_version,
        )
        if self._writer is None or kind is AnswerKind.NOT_IN_SOURCES:
            return answer
        return await _written(self._writer, question.text, answer)

    async def rank(
        self, tenant_id: UUID, question: Question, *, shared_version: int | None = None
    ) -> Ranking:
        """Search by words, meaning and names of places, and fuse.

        Args:
            tenant_id: whose own documents are searched beside the shared ones.
            question: what is asked.
            shared_version: of the shared index, instead of the one that is switched on.
        """
        owners = [OPERATOR_TENANT_ID] if tenant_id == OPERATOR_TENANT_ID else [OPERATOR_TENANT_ID, tenant_id]
        embedding = asyncio.ensure_future(self._embedder.embed([question.text]))
        spaces = await asyncio.gather(
            *(
                self._index.space(
                    owner,
                    question.text,
                    question.sources,
                    version=shared_version if owner == OPERATOR_TENANT_ID else None,
                )
                for owner in owners
            )
        )
        vectors = await embedding
        weights, mean_length = _weigh(spaces)
        # A place of a law that the question names as well is looked for in that law only.
        named = documents_named(question.text, [one for space in spaces for one in space.documents])
        found = await asyncio.gather(
            *(
                self._index.search(
                    owner,
                    space.documents,
                    vector=vectors[0],
                    weights=weights,
                    mean_length=mean_length,
                    references=references_in(question.text),
                    places_of=[one for one in space.documents if not named or one in named],
                    limit=HITS,
                )
                for owner, space in zip(owners, spaces, strict=True)
                if space.documents
            )
        )
        shared = {one.id for one in spaces[0].documents}
        places, answerable = _places(question.text, spaces, found, is_named=bool(named))
        return Ranking(
            hits=tuple(_rank(found, places, weights, shared)),
            answerable=answerable,
            by_words=tuple(_best([hit for one in found for hit in one.words])),
            by_meaning=tuple(_best([hit for one in found for hit in one.meanings])),
            weights=weights,
            shared_version=spaces[0].version,
            own_version=spaces[1].version if len(spaces) > 1 else 0,
        )


async def _written(writer: Writer, question: str, answer: Answer) -> Answer:
    """Put the answer into prose; whatever is wrong with the prose, the quotes stand."""
    try:
        written = await writer.write(question, answer.citations)
    except WriterUnavailableError as error:
        return replace(answer, note=str(error))
    if fault := fault_of(written.text, answer.citations):
        return replace(answer, note=f"the model's text was not used: {fault}")
    return replace(answer, answer=written.text, kind=AnswerKind.WRITTEN, model=written.model)


def _weigh(spaces: Sequence[SearchSpace]) -> tuple[dict[str, float], float]:
    """Weigh the question's words over all that is searched, so that scores of two spaces compare."""
    documents = [one for space in spaces for one in space.documents]
    chunks = sum(one.chunks for one in documents)
    words = {word for space in spaces for word in space.holding}
    weights = {
        word: word_weight(chunks, sum(space.holding.get(word, 0) for space in spaces)) for word in words
    }
    return weights, sum(one.lexemes for one in documents) / chunks if chunks else 1.0


@dataclass(frozen=True, slots=True)
class _Places:
    """The places that a question names; `sure` where it is plain that they are meant."""

    hits: tuple[Hit, ...]
    sure: bool


def _places(
    question: str, spaces: Sequence[SearchSpace], found: Sequence[Found], *, is_named: bool
) -> tuple[_Places, bool]:
    """Return the places that are asked for by name, and whether the sources have what is asked for at all.

    `is_named` tells whether the question names a law that is there.
    """
    documents = [one for space in spaces for one in space.documents]
    hits = _best([hit for one in found for hit in one.references])
    if not hits and references_in(question):
        return _Places((), sure=False), False
    others = () if is_named else foreign_laws(question, documents)
    spoken_of = [hit for one in found for hit in (*one.words, *one.meanings)]
    if any(not mentioned(law, spoken_of) for law in others):
        return _Places((), sure=False), False
    holding: Counter[str] = Counter()
    for space in spaces:
        holding.update(space.holding)
    return _Places(tuple(hits), sure=is_named or not unknown_names(question, holding)), True


def _rank(
    found: Sequence[Found], places: _Places, weights: Mapping[str, float], shared: set[UUID]
) -> list[RankedHit]:
    by_words = _best([hit for one in found for hit in one.words])
    by_meaning = _best([hit for one in found for hit in one.meanings])
    by_name = places.hits
    hits = {hit.chunk_id: hit for hit in (*by_words, *by_meaning, *by_name)}
    named = {hit.chunk_id for hit in by_name} if places.sure else set()
    asked = total(weights)
    # A place that is asked for by its name counts for as much as both searches together.
    rankings = [[hit.chunk_id for hit in one] for one in (by_words, by_meaning, by_name, by_name)]
    return [
        RankedHit(
            hit=hits[key],
            relevance=(
                1.0
                if key in named
                else relevance(cosine=hits[key].cosine, covered=hits[key].covered, asked=asked)
            ),
            private=hits[key].document.id not in shared,
        )
        for key in fuse(*rankings)
    ]


def _best(hits: Sequence[Hit]) -> list[Hit]:
    return sorted(hits, key=lambda hit: -hit.score)[:HITS]


def _cited(one: RankedHit, weights: Mapping[str, float]) -> Cited:
    hit = one.hit
    return Cited(
        document_id=hit.document.id,
        source=hit.document.source,
        title=hit.document.title,
        edition=hit.document.edition,
        ref_id=hit.ref_id,
        path=hit.path,
        quote=best_quote(hit.text, weights),
        score=round(one.relevance, 4),
        private=one.private,
    )


def _extract(cited: Sequence[Cited]) -> str:
    """Put the quotes that answer one behind the other, each with its place."""
    answering = [
        (number, one) for number, one in enumerate(cited, start=1) if one.score >= NOT_IN_SOURCES_UNDER
    ][:_QUOTED]
    return " ".join(
        f"{one.title}{f', {one.ref_id}' if one.ref_id else ''}: “{one.quote}” [{number}]"
        for number, one in answering
    )
