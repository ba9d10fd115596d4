"""How often a question that the sources do not answer is answered all the same, and the other way round.

The questions are in tests/data/analysis_svc/official_questions.yaml, written by hand. Those at even places of
each kind are to choose the threshold on; those at odd places are what is reported. Every quote is held to
stand in the published file.
"""

import argparse
import asyncio
import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from analysis_svc.compose_knowledge import KnowledgeParts
from analysis_svc.domain.knowledge.models import Answer, Question
from analysis_svc.domain.knowledge.rate import NOT_IN_SOURCES_UNDER
from benchmarks.bench_retrieval import database_at, fill, open_parts
from tests.fixtures.official_texts import Asked, official_texts, published, questions

_THRESHOLDS = (0.4, 0.45, 0.5, 0.55, 0.6, 0.65)
_KINDS = ("other_law", "other_place", "neighbour")


@dataclass(frozen=True, slots=True)
class Asking:
    """A question with its answer; `chosen_on` says in which half it is."""

    asked: Asked
    answer: Answer
    chosen_on: bool


async def _ask(parts: KnowledgeParts) -> list[Asking]:
    """Ask everything as a tenant without documents of its own."""
    tenant, seen = uuid4(), defaultdict[str, int](int)
    told: list[Asking] = []
    for one in questions():
        answer = await parts.knowledge.query(tenant, Question(one.ask))
        told.append(Asking(one, answer, seen[one.none] % 2 == 0))
        seen[one.none] += 1
    return told


def _line(told: Sequence[Asking], threshold: float) -> str:
    """Return the figures at a threshold: false answers by kind, refusals, right places."""
    cells: list[str] = []
    false_answers = unanswered = 0
    for kind in _KINDS:
        of_kind = [one for one in told if one.asked.none == kind]
        wrong = sum(one.answer.confidence >= threshold for one in of_kind)
        cells.append(f"{wrong:>3} of {len(of_kind):<3}")
        false_answers, unanswered = false_answers + wrong, unanswered + len(of_kind)
    answerable = [one for one in told if not one.asked.none]
    refused = sum(one.answer.confidence < threshold for one in answerable)
    right = sum(any(map(one.asked.right, one.answer.citations[:3])) for one in answerable)
    share = refused / len(answerable)
    return (
        f"{threshold:>9.2f}  {'  '.join(cells)}  {false_answers / unanswered:>6.1%}"
        f"  {refused:>3} of {len(answerable):<3} {share:>6.1%}  {right:>3} of {len(answerable)}"
    )


def _not_verbatim(told: Sequence[Asking], data: Path) -> list[str]:
    files = {key: published(one, data) for key, one in official_texts().items()}
    titles = {one.title for one in official_texts().values()}
    return [
        f"{cited.title}, {cited.ref_id}: {cited.quote}"
        for one in told
        for cited in one.answer.citations
        if cited.title in titles and not files[cited.source].has(cited.quote)
    ]


async def _run(url: str, data: Path) -> None:
    async with open_parts(url) as parts:
        await fill(parts, data)
        told = await _ask(parts)
    print("           answered, though the sources do not")
    print("threshold  other law   other place neighbour       all  refused, though they do  right place in 3")
    for name, half in (("chosen on", True), ("reported", False)):
        print(name)
        thresholds = _THRESHOLDS if half else (NOT_IN_SOURCES_UNDER,)
        for threshold in thresholds:
            print(_line([one for one in told if one.chosen_on is half], threshold))
    wrong = _not_verbatim(told, data)
    print(f"quotes of official texts that do not stand in their file: {len(wrong)}", *wrong, sep="\n")


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=os.environ.get("LLAMA_MAPPER_DATA"))
    parser.add_argument("--database-url", help="of analysis_svc's runtime role; without it one is started")
    chosen = parser.parse_args(arguments)
    if chosen.data is None:
        parser.error("say where the data folder is: --data or LLAMA_MAPPER_DATA")
    with database_at(chosen.database_url) as url:
        asyncio.run(_run(url, Path(chosen.data)))


if __name__ == "__main__":
    main()
