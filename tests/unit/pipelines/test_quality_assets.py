from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from dagster import DagsterInstance, RunRequest, build_schedule_context, materialize

from analysis_svc.domain.insights.quality import FindingCounts, QualityReport, figures_of
from analysis_svc.domain.insights.span import Span
from pipelines.defs.quality import assets, jobs
from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.retention_settings import RetentionSettings

TENANT = str(uuid4())
DUE = datetime(2026, 11, 9, 3, tzinfo=UTC)


def test_a_late_run_is_about_the_week_before_it_was_due(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    asked: list[Span] = []

    def evaluate(_: RetentionSettings, __: UUID, span: Span) -> tuple[QualityReport, bool]:
        asked.append(span)
        nothing = FindingCounts({}, {}, {})
        return QualityReport(span, figures_of(nothing, nothing, []), ()), True

    monkeypatch.setattr(assets, "evaluate_quality", evaluate)
    monkeypatch.setattr(jobs, "known_tenants", lambda _: [TENANT])
    resources = {"retention_settings": RetentionSettingsResource()}
    with DagsterInstance.local_temp(str(tmp_path)) as instance:
        context = build_schedule_context(instance=instance, scheduled_execution_time=DUE, resources=resources)
        (request,) = jobs.weekly_quality_evaluation(context)  # type: ignore[misc]
        assert isinstance(request, RunRequest)
        materialize(
            [assets.weekly_quality],
            partition_key=TENANT,
            instance=instance,
            resources=resources,
            tags=request.tags,
        )
    assert [span.end for span in asked] == [datetime(2026, 11, 9, tzinfo=UTC)]
