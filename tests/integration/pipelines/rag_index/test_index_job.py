"""The shared index is built, measured and switched by Dagster, on a real Postgres as the pipeline's role."""

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from dagster import DagsterInstance, ExecuteInProcessResult, materialize

from analysis_svc.domain.audit import OPERATOR_TENANT_ID
from analysis_svc.domain.knowledge.models import Question
from pipelines.defs.rag_index.assets import (
    knowledge_chunks,
    knowledge_embeddings,
    knowledge_index,
    knowledge_sources,
    searched_index,
)
from pipelines.defs.rag_index.resources import KnowledgeSettings
from pipelines.lib.rag_index.build_index import index_tools
from tests.fixtures.databases import ServiceDsns

CSF = {
    "ZZ.AA-01": "Accounts of people who left are closed within a day.",
    "ZZ.AA-02": "Backups are restored once a year to see that they work.",
    "ZZ.AA-03": "Every door to the machine room is locked.",
}
QUESTIONS = {
    "What happens to accounts of leavers?": "zz.aa-01",
    "Are backups tried out?": "zz.aa-02",
    "Is the machine room closed?": "zz.aa-03",
}


class Pipeline:
    """A folder of texts and runs of the assets over it."""

    def __init__(self, folder: Path, instance: DagsterInstance, url: str) -> None:
        self.url = url
        self._folder = folder
        self._instance = instance
        (folder / "regulatory").mkdir()
        (folder / "retrieval").mkdir()
        lines = [json.dumps({"query": one, "gold": [right]}) for one, right in QUESTIONS.items()]
        (folder / "retrieval" / "hipaa-to-csf2.dev.jsonl").write_text("\n".join(lines))

    def write(self, places: dict[str, str]) -> None:
        rows = [
            json.dumps({"ref_id": name, "path": ["ZZ", name], "text": text}) for name, text in places.items()
        ]
        (self._folder / "regulatory" / "nist-csf-2.0.jsonl").write_text("\n".join(rows))

    def chunks(self) -> ExecuteInProcessResult:
        return self._run(
            [knowledge_sources, knowledge_chunks, knowledge_embeddings], partition_key="nist-csf"
        )

    def chunks_without_embeddings(self) -> ExecuteInProcessResult:
        return self._run([knowledge_sources, knowledge_chunks], partition_key="nist-csf")

    def index(self) -> ExecuteInProcessResult:
        return self._run([knowledge_index, searched_index])

    def switch_alone(self) -> ExecuteInProcessResult:
        return self._run([searched_index])

    def found(self, question: str) -> list[str]:
        async def ask() -> list[str]:
            async with index_tools(self.url, threads=1) as tools:
                answer = await tools.knowledge.query(OPERATOR_TENANT_ID, Question(question))
                return [one.ref_id for one in answer.citations]

        return asyncio.run(ask())

    def _run(self, assets: list[object], partition_key: str | None = None) -> ExecuteInProcessResult:
        return materialize(
            assets,  # type: ignore[arg-type]
            instance=self._instance,
            partition_key=partition_key,
            resources={"knowledge_settings": KnowledgeSettings(folder=str(self._folder))},
            raise_on_error=False,
        )


@pytest.fixture
def pipeline(
    analysis_database: ServiceDsns, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Pipeline]:
    monkeypatch.setenv("PIPELINES_ANALYSIS_DATABASE_URL", analysis_database.pipeline)
    monkeypatch.setenv("PIPELINES_DATA_ROOT", str(tmp_path / "made"))
    with DagsterInstance.ephemeral() as instance:
        texts = tmp_path / "texts"
        texts.mkdir()
        yield Pipeline(texts, instance, analysis_database.pipeline)


def test_better_index_is_switched_to_and_a_worse_one_is_blocked(pipeline: Pipeline) -> None:
    pipeline.write(CSF)
    assert pipeline.chunks().success
    assert pipeline.index().success
    assert pipeline.found("Are backups tried out?")[0] == "ZZ.AA-02"

    # The same words under other names: every judged place is lost.
    pipeline.write({f"QQ.{name[3:]}": text for name, text in CSF.items()})
    assert pipeline.chunks().success
    worse = pipeline.index()
    (check,) = worse.get_asset_check_evaluations()
    assert (worse.success, check.passed) == (False, False)
    assert not pipeline.switch_alone().success
    assert pipeline.found("Are backups tried out?")[0] == "ZZ.AA-02"


def test_chunks_that_do_not_pass_their_suite_are_not_indexed(pipeline: Pipeline) -> None:
    pipeline.write({f"ZZ.AA-{number:02}": "The very same words again." for number in range(10)})
    result = pipeline.chunks()
    (check,) = result.get_asset_check_evaluations()
    assert (result.success, check.check_name, check.passed) == (False, "chunks_are_sound", False)
    pipeline.index()
    assert pipeline.found("Are backups tried out?") == []


def test_embeddings_of_other_chunks_are_not_indexed(pipeline: Pipeline) -> None:
    pipeline.write(CSF)
    assert pipeline.chunks().success
    pipeline.write({**CSF, "ZZ.AA-01": "Accounts of people who left are kept for ever."})
    assert pipeline.chunks_without_embeddings().success
    assert not pipeline.index().success
    assert pipeline.found("Are backups tried out?") == []
    assert pipeline.chunks().success
    assert pipeline.index().success
    assert pipeline.found("Are backups tried out?")[0] == "ZZ.AA-02"
