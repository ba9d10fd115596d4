from collections.abc import Sequence

import msgspec
from dagster import DefaultSensorStatus, RunRequest, SensorEvaluationContext, SensorResult, SkipReason, sensor

from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.release.jobs import release_job
from pipelines.defs.release.resources import ReleaseSettingsResource
from pipelines.defs.training.assets import recipes
from pipelines.lib.release.approve import Approvals
from pipelines.lib.release.registered_version import model_of
from pipelines.lib.release.release_error import ReleaseError

SECONDS = 30
"""How often the registry is looked at."""


@sensor(
    job=release_job,
    minimum_interval_seconds=SECONDS,
    default_status=DefaultSensorStatus.RUNNING,
    description="Releases the version with the alias `approved`, given by the command or in MLflow.",
)
def approved_model(
    context: SensorEvaluationContext,
    pipeline_settings: PipelineSettings,
    release_settings: ReleaseSettingsResource,
) -> SensorResult:
    """Asks for a release when another version is approved, or the same one again."""
    from pipelines.open_approvals import open_approvals  # noqa: PLC0415 - the interface needs no MLflow

    approvals = open_approvals(pipeline_settings.read(), release_settings.read())
    return look(approvals, recipes.get_partition_keys(), context.cursor)


def look(approvals: Approvals, wanted: Sequence[str], cursor: str | None) -> SensorResult:
    """Returns which releases are due.

    The cursor is the last act of approval that was seen of each recipe. It may be lost or be older than it
    should be, as after a kill: a run is asked for by the hash of the act, and Dagster starts none twice.

    Args:
        approvals: who approved what.
        wanted: names of the recipes.
        cursor: what the last look returned; None for the first.
    """
    seen = msgspec.json.decode(cursor, type=dict[str, str]) if cursor else {}
    now: dict[str, str] = {}
    requests: list[RunRequest] = []
    said: list[str] = []
    for recipe in wanted:
        try:
            found = approvals.in_use(model_of(recipe))
        except ReleaseError as error:
            # One recipe that cannot be released is no reason to leave the others.
            said.append(f"{recipe}: {error}")
            now |= {recipe: seen[recipe]} if recipe in seen else {}
            continue
        if found is None:
            said.append(f"{recipe}: nothing is approved")
            continue
        version, act = found
        now[recipe] = act.sha256
        if seen.get(recipe) == act.sha256:
            said.append(f"{recipe}: version {version.number} was asked for already")
            continue
        tags = {"llama-mapper/version": version.name, "llama-mapper/approved-by": act.by}
        key = f"{version.name} {act.sha256[:16]}"
        requests.append(RunRequest(run_key=key, partition_key=recipe, tags=tags))
    return SensorResult(
        run_requests=requests,
        skip_reason=None if requests else SkipReason("; ".join(said)),
        cursor=msgspec.json.encode(now, order="sorted").decode(),
    )
