"""The assets, schedule and sensor as Dagster runs them."""

from collections.abc import Iterable
from pathlib import Path
from uuid import uuid4

import pytest
from dagster import (
    DagsterInstance,
    RunRequest,
    SkipReason,
    build_schedule_context,
    build_sensor_context,
    materialize,
)

from pipelines.defs.retention.assets import analysis_retention, subject_erasure, tenants
from pipelines.defs.retention.jobs import erasures_asked_for, nightly_retention
from pipelines.defs.retention.resources import RetentionSettingsResource
from tests.fixtures.ageing_rows import NOW, World


def asked_by(given: object) -> list[object]:
    assert isinstance(given, Iterable)
    return list(given)


@pytest.fixture
def told(world: World, monkeypatch: pytest.MonkeyPatch) -> World:
    """The machine's variables, as a step reads them."""
    for service, dsns in world.dsns.items():
        monkeypatch.setenv(f"PIPELINES_{service.upper()}_DATABASE_URL", dsns.pipeline)
    monkeypatch.setenv("PIPELINES_ARCHIVE", str(world.archive))
    return world


def test_a_dry_run_and_a_run_are_told_in_the_interface(told: World) -> None:
    told.analyses(3, days=800)
    with DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("tenants", [str(told.tenant)])
        found = []
        for dry in (True, False):
            result = materialize(
                [analysis_retention],
                partition_key=str(told.tenant),
                instance=instance,
                resources={"retention_settings": RetentionSettingsResource()},
                run_config={"ops": {"analysis_retention": {"config": {"dry_run": dry}}}},
            )
            (event,) = result.asset_materializations_for_node("analysis_retention")
            found.append({name: value.value for name, value in event.metadata.items()})
            assert len(told.ids()) == (3 if dry else 0)
    assert (found[0]["rows due"], found[0]["rows removed"]) == (9, 0)
    assert (found[1]["rows due"], found[1]["rows removed"]) == (9, 9)


def test_every_tenant_is_asked_for_once_a_night(told: World, tmp_path: Path) -> None:
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = build_schedule_context(
            instance=instance,
            scheduled_execution_time=NOW,
            resources={"retention_settings": RetentionSettingsResource()},
        )
        asked = [one for one in asked_by(nightly_retention(context)) if isinstance(one, RunRequest)]
        assert {one.partition_key for one in asked} == {str(told.tenant), str(told.other)}
        assert {one.run_key for one in asked} == {f"{one.partition_key} 2026-11-03" for one in asked}
        assert set(instance.get_dynamic_partitions(str(tenants.name))) == {str(told.tenant), str(told.other)}


def test_a_new_request_to_erase_is_run_within_the_minute(told: World) -> None:
    name = uuid4()
    told.analyses(2, days=1, subject=b"s" * 32)
    told.admin.execute(
        "insert into analysis.erasures (tenant_id, id, subject_hash, state, requested_at, requested_by)"
        " values (%s, %s, %s, 'pending', now(), 'test')",
        [told.tenant, name, b"s" * 32],
    )
    resources = {"retention_settings": RetentionSettingsResource()}
    with DagsterInstance.ephemeral() as instance:
        context = build_sensor_context(instance=instance, resources=resources)
        (asked,) = asked_by(erasures_asked_for(context))
        assert isinstance(asked, RunRequest)
        assert asked.run_key == f"erasure {name}"
        materialize(
            [subject_erasure], partition_key=asked.partition_key, instance=instance, resources=resources
        )
        assert told.ids() == set()
        assert (
            asked_by(erasures_asked_for(build_sensor_context(instance=instance, resources=resources))) == []
        )


def test_without_a_database_the_schedule_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PIPELINES_ORCHESTRATION_DATABASE_URL", raising=False)
    with DagsterInstance.ephemeral() as instance:
        context = build_schedule_context(
            instance=instance,
            scheduled_execution_time=NOW,
            resources={"retention_settings": RetentionSettingsResource()},
        )
        (skipped,) = asked_by(nightly_retention(context))
    assert isinstance(skipped, SkipReason)
    assert skipped.skip_message == "PIPELINES_ORCHESTRATION_DATABASE_URL is not set"
