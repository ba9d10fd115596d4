"""No version of the shared index is searched that was not measured and found to be as good."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import (
    AssetCheckResult,
    AssetCheckSpec,
    DagsterInstance,
    Failure,
    MaterializeResult,
    asset,
    materialize,
)

from pipelines.defs.rag_index.assets import version_that_passed
from pipelines.lib.rag_index.build_index import Comparison, unmeasured
from pipelines.lib.rag_index.sources import KnowledgeSource

CHECK = "retrieval_is_not_worse"
SOURCE = KnowledgeSource("csf", "csf.jsonl", "CSF", "2.0", "jsonl", "questions.jsonl")


@pytest.fixture
def instance() -> Iterator[DagsterInstance]:
    with DagsterInstance.ephemeral() as made:
        yield made


def build(instance: DagsterInstance, version: int, *, passed: bool) -> None:
    @asset(name="knowledge_index", check_specs=[AssetCheckSpec(CHECK, asset="knowledge_index")])
    def knowledge_index() -> MaterializeResult:  # type: ignore[type-arg]  # as the real one
        check = AssetCheckResult(check_name=CHECK, passed=passed, metadata={"new": {"csf mrr": 0.5}})
        return MaterializeResult(metadata={"version": version}, check_results=[check])

    materialize([knowledge_index], instance=instance)


def test_version_that_passed_is_given_with_its_figures(instance: DagsterInstance) -> None:
    with pytest.raises(Failure, match="no version"):
        version_that_passed(instance)
    build(instance, 3, passed=True)
    assert version_that_passed(instance) == (3, {"csf mrr": 0.5})


def test_blocked_version_is_refused_even_when_one_before_passed(instance: DagsterInstance) -> None:
    build(instance, 3, passed=True)
    build(instance, 4, passed=False)
    with pytest.raises(Failure, match="version 4 did not pass"):
        version_that_passed(instance)


def test_nothing_measured_speaks_against_a_version() -> None:
    assert Comparison({}, {}).objection == "nothing was measured"
    assert Comparison({"csf mrr": 0.5}, {"csf mrr": 0.5}).objection is None
    assert Comparison({"csf mrr": 0.5}, {"csf mrr": 0.4}).objection == "worse: csf mrr"


def test_text_without_its_judged_questions_is_not_measured(tmp_path: Path) -> None:
    assert unmeasured([SOURCE], tmp_path) == [], "nor is it indexed"
    (tmp_path / SOURCE.file).write_text("{}")
    assert unmeasured([SOURCE], tmp_path) == [SOURCE.key]
    (tmp_path / SOURCE.questions).write_text('{"query": "who?", "gold": ["a"]}')
    assert unmeasured([SOURCE], tmp_path) == []
    objection = Comparison({}, {"other mrr": 1.0}, [SOURCE.key]).objection
    assert objection == "not measured, for want of judged questions: csf"
