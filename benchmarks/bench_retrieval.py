"""How well and how fast questions are answered: by words, by meaning, and by both.

A database of its own is started and filled with the shipped catalogues and the regulatory texts of the data
folder; `--database-url` takes one that is filled already, and fills what is missing. Right places come from
NIST's crosswalks.
"""

import argparse
import asyncio
import json
import os
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

import msgspec

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.adapters.database import Database
from analysis_svc.compose_knowledge import KnowledgeParts, compose_knowledge
from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.knowledge.add import NewDocument
from analysis_svc.domain.knowledge.evaluate import Judged, Quality, measure, places
from analysis_svc.domain.knowledge.models import Question
from analysis_svc.settings import example_settings
from tests.fixtures import databases, servers
from tests.fixtures.official_texts import official_texts

# file, the source whose places are ranked
TASKS = (
    ("hipaa-to-800-53.dev.jsonl", "nist-800-53"),
    ("hipaa-to-csf2.dev.jsonl", "nist-csf"),
    ("800-53-to-iso27001.dev.jsonl", "iso27001"),
)
_QUESTIONS = (
    "When must a personal data breach be notified to the supervisory authority?",
    "Which AI practices are prohibited?",
    "What does AC-2 say about accounts of people who left?",
    "Who must be told when a high-risk AI system causes a serious incident?",
    "How are audit logs protected against change?",
    "What is the minimum necessary rule for health information?",
    "What should be tested before a generative model is deployed?",
    "How long is technical documentation kept?",
)


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """Figures of one task by method; `reachable` is the share of right places that the index has at all."""

    task: str
    reachable: float
    words: Quality
    meaning: Quality
    hybrid: Quality


async def _figures(parts: KnowledgeParts, data: Path, task: str, source: str) -> TaskFigures:
    judged = [
        Judged(row["query"], frozenset(row["gold"]))
        for row in map(json.loads, (data / "retrieval" / task).read_text().splitlines())
    ]
    rankings = [
        await parts.knowledge.rank(OPERATOR_TENANT_ID, Question(one.question, (source,))) for one in judged
    ]
    right = [one.right for one in judged]
    indexed = {place for ranking in rankings for place in places(one.hit for one in ranking.hits)}
    wanted = [place for one in right for place in one]
    return TaskFigures(
        task=task,
        reachable=sum(place in indexed for place in wanted) / len(wanted),
        words=measure([places(one.by_words) for one in rankings], right),
        meaning=measure([places(one.by_meaning) for one in rankings], right),
        hybrid=measure([places(hit.hit for hit in one.hits) for one in rankings], right),
    )


async def _latencies(parts: KnowledgeParts, requests: int, concurrency: int) -> list[float]:
    """Time queries over everything that is indexed, in milliseconds."""
    turns, taken = asyncio.Semaphore(concurrency), []

    async def one(number: int) -> None:
        async with turns:
            started = time.perf_counter()
            await parts.knowledge.query(OPERATOR_TENANT_ID, Question(_QUESTIONS[number % len(_QUESTIONS)]))
            taken.append((time.perf_counter() - started) * 1000)

    await asyncio.gather(*(one(number) for number in range(len(_QUESTIONS))))
    taken.clear()
    await asyncio.gather(*(one(number) for number in range(requests)))
    return sorted(taken)


async def fill(parts: KnowledgeParts, data: Path) -> None:
    """Index the shipped catalogues and the official texts; what is there already is passed over."""
    await parts.index_shipped(load_catalogue(example_settings().taxonomy))
    for one in official_texts().values():
        started = time.perf_counter()
        content = (data / one.file).read_bytes()
        new = NewDocument(one.key, one.title, one.edition, one.format, content)
        added = await parts.add_knowledge.add(OPERATOR_TENANT_ID, new, actor="benchmark")
        if added.new:
            print(
                f"indexed {one.file}: {added.document.chunks} chunks, {time.perf_counter() - started:.0f} s"
            )


@asynccontextmanager
async def open_parts(url: str) -> AsyncIterator[KnowledgeParts]:
    """Open the knowledge index of a database, with the whole machine to embed on."""
    database = Database(url, pool_size=10, statement_timeout_ms=30_000)
    settings = msgspec.structs.replace(example_settings(), database_url=url)
    parts = compose_knowledge(settings, database, threads=os.cpu_count() or 1)
    try:
        yield parts
    finally:
        await parts.close()
        await database.close()


@contextmanager
def database_at(url: str | None) -> Iterator[str]:
    """Give a migrated database: the one that is named, or one that is gone afterwards."""
    if url:
        yield url
        return
    with servers.running_postgres() as cluster:
        dsns = databases.make_databases(cluster.admin_dsn)["analysis"]
        databases.migrate("analysis", dsns)
        yield dsns.runtime


async def _run(url: str, data: Path, requests: int) -> None:
    async with open_parts(url) as parts:
        await fill(parts, data)
        figures = [await _figures(parts, data, task, source) for task, source in TASKS]
        print(f"{'task':<30} {'':<8} {'MRR@10':>7} {'recall@10':>10}")
        for one in figures:
            for name, quality in (("BM25", one.words), ("meaning", one.meaning), ("hybrid", one.hybrid)):
                print(f"{one.task:<30} {name:<8} {quality.mrr:>7.4f} {quality.recall:>10.4f}")
            print(f"{'':<30} {one.words.questions} questions, {one.reachable:.0%} of right places indexed")
        for concurrency in (1, 8):
            taken = await _latencies(parts, requests, concurrency)
            p50, p95 = statistics.median(taken), taken[int(len(taken) * 0.95)]
            print(f"query over all sources, {concurrency} at once: p50 {p50:.0f} ms, p95 {p95:.0f} ms")
    print(json.dumps([asdict(one) for one in figures]))


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LLAMA_MAPPER_DATA"))
    parser.add_argument("--database-url", help="of analysis_svc's runtime role; without it one is started")
    parser.add_argument(
        "--requests", type=int, default=200, help="queries that are timed (default: %(default)s)"
    )
    chosen = parser.parse_args(arguments)
    if chosen.data is None:
        parser.error("say where the data folder is: --data or LLAMA_MAPPER_DATA")
    with database_at(chosen.database_url) as url:
        asyncio.run(_run(url, Path(chosen.data), chosen.requests))


if __name__ == "__main__":
    main()
