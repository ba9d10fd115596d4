"""Feedback reaches training from both services, from tenants that agreed there, and from nobody else."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner
from dagster import DagsterInstance, materialize
from psycopg.sql import SQL, Identifier, Placeholder
from psycopg.types.json import Jsonb

from pipelines.__main__ import main
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.quality.assets import reviewed_feedback
from pipelines.defs.retention.assets import tenants
from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.hand_on_feedback import HandedOn, hand_on_feedback
from pipelines.lib.build_dataset import DatasetSources
from pipelines.lib.families import load_vendor_families
from pipelines.lib.read_feedback import read_feedback
from pipelines.retention_settings import RetentionSettings
from tests.fixtures.databases import ServiceDsns

SERVICES = ("orchestration", "analysis", "mapper")
EDITION = "2026.11"


@dataclass
class World:
    """The three databases, and the folder that the data set reads."""

    admin: psycopg.Connection[Any]
    dsns: Mapping[str, ServiceDsns]
    folder: Path
    tenant: UUID

    @property
    def settings(self) -> RetentionSettings:
        return RetentionSettings(
            analysis_database_url=self.dsns["analysis"].pipeline,
            mapper_database_url=self.dsns["mapper"].pipeline,
            orchestration_database_url=self.dsns["orchestration"].pipeline,
        )

    def hand_on(self, tenant: UUID | None = None) -> HandedOn:
        return hand_on_feedback(self.settings, tenant or self.tenant, self.folder, EDITION)

    def rows(self, tenant: UUID | None = None) -> list[tuple[str, str, str]]:
        path = self.folder / f"tenant-{tenant or self.tenant}.jsonl"
        if not path.exists():
            return []
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        return [(row["raw"], row["label"], row["origin"]) for row in rows]

    def agree(self, service: str, version: int, *, yes: bool, tenant: UUID | None = None) -> None:
        columns = {"mapper": ("tenant_id", "version", "chosen", "changed_by", "taxonomy")}
        named = columns.get(service, columns["mapper"][:-1])
        chosen = Jsonb({"feedback_for_training": yes})
        self.admin.execute(
            SQL("insert into {} ({}) values ({})").format(
                Identifier(service, "tenant_settings"),
                SQL(", ").join(map(Identifier, named)),
                SQL(", ").join([Placeholder()] * len(named)),
            ),
            [tenant or self.tenant, version, chosen, "a", EDITION][: len(named)],
        )

    def said(
        self,
        verdict: str,
        raw: str | None,
        *,
        accepted: bool | None,
        evidence: UUID | None = None,
        by: str = "a",
    ) -> None:
        name = uuid4()
        self.admin.execute(
            "insert into analysis.feedback (tenant_id, id, evidence_id, finding_id, verdict, label,"
            " right_label, raw_label, detector, score, confidence, analysed_at, given_at, given_by)"
            " values (%s, %s, %s, 'f1', %s, 'SECRET.ApiKey', %s, %s, 'guard', 1, 0.9, now(), now(), %s)",
            [
                *(self.tenant, name, evidence or uuid4(), verdict),
                *("SECRET.Password" if verdict == "relabel" else None, raw, by),
            ],
        )
        if accepted is not None:
            self.admin.execute(
                "insert into analysis.feedback_reviews values (%s, %s, %s, now(), 'b')",
                [self.tenant, name, accepted],
            )

    def decided(
        self,
        raw: str,
        label: str | None,
        *,
        accepted: bool | None,
        number: int = 1,
        item: UUID | None = None,
        tenant: UUID | None = None,
    ) -> UUID:
        """Keep a decision, and a review where there is one; return the item."""
        name, item = uuid4(), item or uuid4()
        owner = tenant or self.tenant
        self.admin.execute(
            "insert into mapper.review_decisions (tenant_id, id, item_id, number, vendor, raw_label, verdict,"
            " right_label, lang, taxonomy, decided_by)"
            " values (%s, %s, %s, %s, 'acme_dlp', %s, %s, %s, 'en', %s, 'a')",
            [owner, name, item, number, raw, "label" if label else "not_a_label", label, EDITION],
        )
        if accepted is not None:
            self.admin.execute(
                "insert into mapper.review_decision_reviews (tenant_id, decision_id, accepted, reviewed_by)"
                " values (%s, %s, %s, 'b')",
                [owner, name, accepted],
            )
        return item


@pytest.fixture
def world(empty_database: Callable[[str], ServiceDsns], tmp_path: Path) -> Any:
    dsns = {service: empty_database(service) for service in SERVICES}
    with psycopg.connect(dsns["analysis"].admin, autocommit=True) as admin:
        world = World(admin, dsns, tmp_path, uuid4())
        admin.execute(
            "insert into orchestration.tenants (id, name) values (%s, %s)",
            [world.tenant, f"t-{world.tenant}"],
        )
        yield world


def test_only_accepted_words_of_a_tenant_that_agreed_reach_training(world: World) -> None:
    world.said("confirmed", "api_key", accepted=True)
    world.said("relabel", "passphrase", accepted=True)
    world.said("false_positive", "noise", accepted=True)
    world.said("confirmed", "pending", accepted=None)
    world.said("confirmed", "rejected", accepted=False)
    world.said("confirmed", None, accepted=True)
    world.decided("chart number", "PII.Health.Identifier", accepted=True)
    world.decided("heap of words", None, accepted=True)
    world.decided("nobody looked", "PII.Health.Identifier", accepted=None)
    world.decided("not so", "PII.Health.Identifier", accepted=False)
    assert world.hand_on().path is None, "nobody agreed to it"
    world.agree("analysis", 1, yes=True)
    analysis = [
        ("api_key", "SECRET.ApiKey", "feedback on findings"),
        ("passphrase", "SECRET.Password", "feedback on findings"),
    ]
    handed_on = world.hand_on()
    assert handed_on.agreed == {"analysis": True, "mapper": False}
    assert handed_on.left_out == {"no_meaning": 1, "no_raw_label": 1}
    assert world.rows() == analysis, "the mapper's queue is agreed to by itself"
    world.agree("mapper", 1, yes=True)
    mapper = [("chart number", "PII.Health.Identifier", "review queue of the mapper")]
    assert world.hand_on().rows == {"feedback on findings": 2, "review queue of the mapper": 1}
    assert world.rows() == mapper + analysis
    read = read_feedback(world.folder, load_vendor_families(DatasetSources().vendor_families))
    assert {one.licence for one in read.candidates} == {"LicenseRef-tenant-opt-in"}
    assert sorted(one.origin for one in read.candidates) == sorted(row[2] for row in world.rows())
    world.agree("analysis", 2, yes=False)
    world.hand_on()
    assert world.rows() == mapper
    world.agree("mapper", 2, yes=False)
    world.hand_on()
    assert list(world.folder.iterdir()) == [], "what was agreed to once can be taken back"


def test_of_a_finding_the_word_that_was_accepted_last_counts(world: World) -> None:
    world.agree("analysis", 1, yes=True)
    finding = uuid4()
    world.said("confirmed", "api_key", accepted=True, evidence=finding)
    world.said("relabel", "api_key", accepted=True, evidence=finding, by="b")
    world.hand_on()
    assert [label for _, label, _ in world.rows()] == ["SECRET.Password"]
    world.said("false_positive", "api_key", accepted=True, evidence=finding, by="c")
    world.hand_on()
    assert world.rows() == []


def test_of_a_label_the_decision_that_was_accepted_last_counts(world: World) -> None:
    world.agree("mapper", 1, yes=True)
    item = world.decided("chart number", "PII.Health.Identifier", accepted=True)
    world.decided("chart number", "SECRET.ApiKey", accepted=None, number=2, item=item)
    world.hand_on()
    assert [label for _, label, _ in world.rows()] == ["PII.Health.Identifier"], "the later one is pending"
    world.decided("chart number", "SECRET.Password", accepted=True, number=3, item=item)
    world.hand_on()
    assert [label for _, label, _ in world.rows()] == ["SECRET.Password"]
    world.decided("chart number", None, accepted=True)  # it left the queue and came back
    assert world.hand_on().left_out == {"no_meaning": 1}
    assert world.rows() == []


def test_consent_of_one_tenant_opens_no_other(world: World) -> None:
    other = uuid4()
    world.agree("mapper", 1, yes=True, tenant=other)
    world.decided("chart number", "PII.Health.Identifier", accepted=True)
    world.decided("their number", "PII.Health.Identifier", accepted=True, tenant=other)
    world.hand_on()
    world.hand_on(other)
    assert world.rows() == []
    assert [raw for raw, _, _ in world.rows(other)] == ["their number"]


def test_command_says_what_it_handed_on_and_removes_files_of_nobody(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in SERVICES:
        monkeypatch.setenv(f"PIPELINES_{service.upper()}_DATABASE_URL", world.dsns[service].pipeline)
    monkeypatch.setenv("PIPELINES_FEEDBACK", str(world.folder))
    world.agree("mapper", 1, yes=True)
    world.decided("chart number", "PII.Health.Identifier", accepted=True)
    world.decided("DLP-1042", "PII.Health.Identifier", accepted=True)
    stray = world.folder / f"tenant-{uuid4()}.jsonl"
    stray.write_text("{}\n")
    written = world.folder / "by-hand.jsonl"
    written.write_text("")
    told = CliRunner().invoke(main, ["feedback"])
    assert told.exit_code == 0, told.output
    assert (
        f"{world.tenant}  1 review queue of the mapper; not agreed in analysis; left out: 1 opaque"
        in told.output
    )
    assert f"{stray.name} is of no tenant any more: removed" in told.output
    assert "1 rows in" in told.output
    assert "chart" not in told.output
    assert (stray.exists(), written.exists()) == (False, True)
    first = (world.folder / f"tenant-{world.tenant}.jsonl").read_bytes()
    assert CliRunner().invoke(main, ["feedback"]).exit_code == 0
    assert (world.folder / f"tenant-{world.tenant}.jsonl").read_bytes() == first


def test_step_of_dagster_says_the_same(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    for service in SERVICES:
        monkeypatch.setenv(f"PIPELINES_{service.upper()}_DATABASE_URL", world.dsns[service].pipeline)
    world.agree("mapper", 1, yes=True)
    world.decided("chart number", "PII.Health.Identifier", accepted=True)
    world.decided("heap of words", None, accepted=True)
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions(str(tenants.name), [str(world.tenant)])
        done = materialize(
            [reviewed_feedback],
            partition_key=str(world.tenant),
            instance=instance,
            resources={
                "retention_settings": RetentionSettingsResource(),
                "pipeline_settings": PipelineSettings(feedback=str(world.folder)),
            },
        )
    (made,) = done.asset_materializations_for_node("reviewed_feedback")
    told = {name: value.value for name, value in made.metadata.items()}
    assert (told["dagster/row_count"], told["left out: no_meaning"]) == (1, 1)
    assert (told["agreed in analysis"], told["agreed in mapper"]) == (False, True)
    assert [raw for raw, _, _ in world.rows()] == ["chart number"]


def test_without_its_database_nothing_is_handed_on_and_the_variable_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    for service in ("orchestration", "analysis"):
        monkeypatch.setenv(f"PIPELINES_{service.upper()}_DATABASE_URL", world.dsns[service].pipeline)
    told = CliRunner().invoke(main, ["feedback", "--out", str(world.folder)])
    assert (told.exit_code, told.output) == (1, "Error: PIPELINES_MAPPER_DATABASE_URL is not set\n")
