"""What the daemon under test is given: the sensor's real decision, over a registry that is on disk only."""

import os
from pathlib import Path

from dagster import (
    DefaultSensorStatus,
    Definitions,
    OpExecutionContext,
    SensorEvaluationContext,
    SensorResult,
    StaticPartitionsDefinition,
    in_process_executor,
    job,
    op,
    sensor,
)

from pipelines.defs.release.sensors import look
from pipelines.lib.release.approval_log import ApprovalLog
from pipelines.lib.release.approve import Approvals
from pipelines.lib.release.content_hash import content_sha256
from tests.unit.pipelines.release.conftest import FakeRegistry

ROOT = Path(os.environ["DAEMON_TEST_ROOT"])


def approvals() -> Approvals:
    """One version that somebody gave the alias in MLflow; nothing of it is remembered but the log."""
    registry = FakeRegistry(ROOT / "registry")
    folder = registry.root / "1"
    if folder.exists():
        registry.tags[1] = {"content_sha256": content_sha256(folder), "release": "release1"}
    else:
        registry.register()
    registry.aliases["approved"] = 1
    return Approvals(registry, ApprovalLog(ROOT / "approvals.jsonl"), four_eyes=False)


@op
def released(context: OpExecutionContext) -> None:
    """Note each run that got as far as working."""
    with (ROOT / "released").open("a") as file:
        file.write(f"{context.run_id}\n")


@job(partitions_def=StaticPartitionsDefinition(["tiny"]), executor_def=in_process_executor)
def release() -> None:
    """Stands for release_job."""
    released()


@sensor(job=release, minimum_interval_seconds=1, default_status=DefaultSensorStatus.RUNNING)
def approved_model(context: SensorEvaluationContext) -> SensorResult:
    """Decides as the real one does."""
    return look(approvals(), ["tiny"], context.cursor)


defs = Definitions(jobs=[release], sensors=[approved_model])
