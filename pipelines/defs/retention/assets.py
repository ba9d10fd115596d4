from datetime import UTC, datetime
from uuid import UUID

from dagster import (
    AssetExecutionContext,
    AssetsDefinition,
    Backoff,
    Config,
    DynamicPartitionsDefinition,
    Failure,
    Jitter,
    MaterializeResult,
    MetadataValue,
    RetryPolicy,
    TableRecord,
    asset,
)

from pipelines.defs.retention.resources import RetentionSettingsResource
from pipelines.keep_terms import Kept, erase, keep_terms
from pipelines.lib.retention.archive import ArchiveError
from pipelines.retention_settings import SERVICES
from pipelines.settings import SettingsError

GROUP = "retention"
OWNERS = ["team:platform"]
tenants = DynamicPartitionsDefinition(name="tenants")
"""One partition for each tenant, by its id; the schedule adds those that are new."""

_GUIDE = {"guide": MetadataValue.path("docs/guides/retention.md")}
_RETRY = RetryPolicy(max_retries=3, delay=60, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)


class RetentionConfig(Config):
    """How a run deletes.

    Attributes:
        dry_run: say what is due, and change nothing.
    """

    dry_run: bool = False


def _retention_of(service: str) -> AssetsDefinition:
    @asset(
        name=f"{service}_retention",
        partitions_def=tenants,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"python", "postgres"},
        tags={"concept": "retention", "personal_data": "pseudonymous"},
        metadata=_GUIDE,
        retry_policy=_RETRY,
        description=f"What a tenant has in {service}_svc and may still have: all that was older than its "
        "term and on no legal hold is deleted, each batch told in the tenant's audit log.",
    )
    def retention(
        context: AssetExecutionContext,
        config: RetentionConfig,
        retention_settings: RetentionSettingsResource,
    ) -> MaterializeResult[None]:
        try:
            kept = keep_terms(
                retention_settings.read(),
                service,
                UUID(context.partition_key),
                now=datetime.now(UTC),
                run=context.run.run_id,
                dry=config.dry_run,
                say=context.log.info,
            )
        except (SettingsError, ArchiveError) as error:
            raise Failure(str(error), allow_retries=False) from error
        return MaterializeResult(metadata=_metadata(kept, dry=config.dry_run))

    return retention


analysis_retention, mapper_retention, orchestration_retention = (_retention_of(name) for name in SERVICES)


@asset(
    partitions_def=tenants,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "postgres"},
    tags={"concept": "retention", "personal_data": "pseudonymous"},
    metadata=_GUIDE,
    retry_policy=_RETRY,
)
def subject_erasure(
    context: AssetExecutionContext, retention_settings: RetentionSettingsResource
) -> MaterializeResult[None]:
    """What a tenant has of persons who asked for erasure: nothing, but for what a legal hold covers."""
    try:
        erased = erase(retention_settings.read(), UUID(context.partition_key), run=context.run.run_id)
    except SettingsError as error:
        raise Failure(str(error), allow_retries=False) from error
    rows = [
        TableRecord({"request": str(one.erasure_id), "removed": sum(one.rows.values()), "held": one.held})
        for one in erased
    ]
    return MaterializeResult(
        metadata={
            "requests": len(erased),
            "rows removed": sum(sum(one.rows.values()) for one in erased),
            "rows on hold": sum(one.held for one in erased),
            **({"each": MetadataValue.table(rows)} if rows else {}),
        }
    )


def _metadata(kept: Kept, *, dry: bool) -> dict[str, MetadataValue | int | bool]:
    rows = []
    for kind, (term, due) in kept.due.items():
        deleted = kept.deleted.get(kind)
        rows.append(
            TableRecord(
                {
                    "kind": kind,
                    "days": term.days,
                    "before": term.cutoff.isoformat(timespec="seconds"),
                    "due": due.rows,
                    "with them": sum(due.children.values()),
                    "on hold": due.held,
                    "removed": sum(deleted.rows.values()) if deleted else 0,
                    "archived files": len(deleted.archived) if deleted else 0,
                    "certificate": str(deleted.certificate or "-") if deleted else "-",
                }
            )
        )
    return {
        "dry run": dry,
        "rows due": sum(due.rows + sum(due.children.values()) for _, due in kept.due.values()),
        "rows on hold": sum(due.held for _, due in kept.due.values()),
        "rows removed": sum(sum(one.rows.values()) for one in kept.deleted.values()),
        "kinds": MetadataValue.table(rows),
    }
