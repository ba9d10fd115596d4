from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID

from dagster import (
    AssetCheckResult,
    AssetCheckSeverity,
    AssetCheckSpec,
    AssetExecutionContext,
    Backoff,
    Failure,
    Jitter,
    MaterializeResult,
    MetadataValue,
    RetryPolicy,
    TableRecord,
    asset,
)

from analysis_svc.domain.insights.quality import QualityReport
from analysis_svc.domain.insights.quality_alerts import Severity
from analysis_svc.domain.insights.quality_figures import Rate
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.retention.assets import tenants
from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.evaluate_quality import evaluate_quality, last_week
from pipelines.hand_on_feedback import hand_on_feedback, remove_files_of_nobody
from pipelines.settings import SettingsError

GROUP = "quality"
OWNERS = ["team:model"]
ALERTS = "no_alerts"
DUE = "quality/due"
"""Tag of a run with the time that it was due: late or done again, it is still about the week before that."""

_GUIDE = {"guide": MetadataValue.path("docs/guides/quality.md")}
_RETRY = RetryPolicy(max_retries=3, delay=60, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)


@asset(
    partitions_def=tenants,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "postgres"},
    tags={"concept": "quality", "personal_data": "none"},
    metadata=_GUIDE,
    retry_policy=_RETRY,
    check_specs=[
        AssetCheckSpec(
            ALERTS,
            asset="weekly_quality",
            description="No figure of the week is beyond its limit.",
        )
    ],
)
def weekly_quality(
    context: AssetExecutionContext, retention_settings: RetentionSettingsResource
) -> MaterializeResult:  # type: ignore[type-arg]  # Dagster knows it without its argument only
    """How good a tenant's findings were the week before: agreement, calibration, drift, fallback, alerts."""
    due = context.run.tags.get(DUE)
    span = last_week(datetime.fromisoformat(due) if due else datetime.now(UTC))
    try:
        report, first = evaluate_quality(retention_settings.read(), UUID(context.partition_key), span)
    except SettingsError as error:
        raise Failure(str(error), allow_retries=False) from error
    for alert in report.alerts:
        told = (alert.figure, alert.subject, alert.value, alert.limit)
        context.log.warning("quality alert: %s %s is %.3g, its limit %.3g", *told)
    return MaterializeResult(metadata=_metadata(report, first=first), check_results=[_check(report)])


@asset(
    partitions_def=tenants,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "json"},
    tags={"concept": "quality", "personal_data": "pseudonymous"},
    metadata=_GUIDE,
    retry_policy=_RETRY,
)
def reviewed_feedback(
    context: AssetExecutionContext,
    retention_settings: RetentionSettingsResource,
    pipeline_settings: PipelineSettings,
) -> MaterializeResult[None]:
    """What a tenant's people said of findings and of labels in review, and others accepted, if it agreed."""
    settings, databases = pipeline_settings.read(), retention_settings.read()
    folder = Path(settings.feedback)
    try:
        handed_on = hand_on_feedback(databases, UUID(context.partition_key), folder, settings.edition)
        removed = remove_files_of_nobody(databases, folder)
    except SettingsError as error:
        raise Failure(str(error), allow_retries=False) from error
    return MaterializeResult(
        metadata={
            "dagster/row_count": sum(handed_on.rows.values()),
            **{f"agreed in {service}": yes for service, yes in handed_on.agreed.items()},
            **{f"rows of {origin}": rows for origin, rows in handed_on.rows.items()},
            **{f"left out: {reason}": words for reason, words in handed_on.left_out.items()},
            "file": MetadataValue.path(handed_on.path.resolve()) if handed_on.path else "none",
            **({"files of nobody removed": len(removed)} if removed else {}),
        }
    )


def _metadata(report: QualityReport, *, first: bool) -> dict[str, MetadataValue | int | float | str | bool]:
    figures = report.figures
    rates: dict[str, Rate | None] = {
        "agreement": figures.agreement,
        "fallback": figures.fallback,
        "readable": figures.readable,
        "unknown": figures.unknown,
    }
    rows = [
        TableRecord({"figure": one.figure, "subject": one.subject, "value": one.value, "limit": one.limit})
        for one in report.alerts
    ]
    return {
        "week": report.span.start.date().isoformat(),
        "kept now": first,
        "findings": figures.findings,
        "words": sum(figures.words.values()),
        "alerts": len(rows),
        **{name: rate.value for name, rate in rates.items() if rate},
        **({"ece": figures.calibration.ece} if figures.calibration else {}),
        **({"label drift (psi)": figures.label_drift.psi} if figures.label_drift else {}),
        **({"each alert": MetadataValue.table(rows)} if rows else {}),
    }


def _check(report: QualityReport) -> AssetCheckResult:
    critical = any(alert.severity is Severity.CRITICAL for alert in report.alerts)
    return AssetCheckResult(
        check_name=ALERTS,
        passed=not report.alerts,
        severity=AssetCheckSeverity.ERROR if critical else AssetCheckSeverity.WARN,
        description="; ".join(f"{one.figure} {one.subject}".strip() for one in report.alerts) or None,
        metadata={"alerts": len(report.alerts)},
    )
