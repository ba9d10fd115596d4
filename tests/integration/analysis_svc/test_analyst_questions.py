"""Sixty questions as analysts ask them, answered from the shipped catalogues without a model."""

from dataclasses import dataclass, replace
from pathlib import Path
from uuid import uuid4

import msgspec
import pytest
import yaml

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.adapters.database import Database
from analysis_svc.compose_knowledge import compose_knowledge
from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.knowledge.models import Answer, AnswerKind, Question
from analysis_svc.domain.knowledge.rate import NOT_IN_SOURCES_UNDER
from analysis_svc.settings import example_settings
from tests.fixtures.databases import ServiceDsns

CASES = Path(__file__).parents[2] / "data" / "analysis_svc" / "analyst_cases" / "questions.yaml"
# Those that the cases are about; the others would only take time to index.
FRAMEWORKS = ("eu-ai-act", "gdpr", "hipaa", "iso27001", "nist-ai-rmf", "soc2")
LEAST_RIGHT = 0.95
SOMEBODY = uuid4()


@dataclass(frozen=True)
class Case:
    """A question, and the places that may answer it; none means that the sources do not."""

    ask: str
    cites: frozenset[str]

    def right(self, answer: Answer) -> bool:
        if not self.cites:
            return answer.kind is AnswerKind.NOT_IN_SOURCES
        first = {f"{one.source} {one.ref_id}" for one in answer.citations[:3]}
        return answer.kind is AnswerKind.EXTRACTIVE and bool(first & self.cites)


@pytest.fixture(scope="module")
def cases() -> list[Case]:
    rows = yaml.safe_load(CASES.read_text())
    return [Case(row["ask"], frozenset(row.get("cites", ()))) for row in rows]


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    whole = load_catalogue(example_settings().taxonomy)
    return replace(whole, frameworks={name: whole.frameworks[name] for name in FRAMEWORKS})


async def test_questions_are_answered_with_the_right_place_word_for_word(
    analysis_database: ServiceDsns, cases: list[Case], catalogue: Catalogue
) -> None:
    answers = await ask_all(analysis_database.runtime, catalogue, cases)
    wrong = [case.ask for case, answer in zip(cases, answers, strict=True) if not case.right(answer)]
    assert len(cases) == 60
    assert len(wrong) <= (1 - LEAST_RIGHT) * len(cases), wrong
    for answer in answers:
        for cited in answer.citations:
            statement = catalogue.frameworks[cited.source].controls[cited.ref_id].statement
            assert cited.quote in statement
        if answer.kind is AnswerKind.EXTRACTIVE:
            best = next(one for one in answer.citations if one.score >= NOT_IN_SOURCES_UNDER)
            assert best.quote in answer.answer


async def ask_all(url: str, catalogue: Catalogue, cases: list[Case]) -> list[Answer]:
    settings = msgspec.structs.replace(example_settings(), database_url=url)
    database = Database(url, pool_size=2, statement_timeout_ms=30_000)
    parts = compose_knowledge(settings, database)
    try:
        added = await parts.index_shipped(catalogue)
        assert [one.new for one in added] == [True] * len(FRAMEWORKS)
        assert [one.new for one in await parts.index_shipped(catalogue)] == [False] * len(FRAMEWORKS)
        return [await parts.knowledge.query(SOMEBODY, Question(case.ask)) for case in cases]
    finally:
        await parts.close()
        await database.close()
