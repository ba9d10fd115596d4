from dagster import (
    AssetExecutionContext,
    Backoff,
    Failure,
    Jitter,
    MaterializeResult,
    MetadataValue,
    RetryPolicy,
    asset,
)

from pipelines.defs.evaluation.assets import evaluation_report
from pipelines.defs.finetuning.assets import OWNERS
from pipelines.defs.finetuning.resources import PipelineSettings
from pipelines.defs.release.resources import ReleaseSettingsResource
from pipelines.defs.training.assets import recipes
from pipelines.lib.release.registered_version import Tag
from pipelines.lib.release.release_error import RefusedError, ReleaseError

GROUP = "release"
_GUIDE = {"guide": MetadataValue.path("docs/guides/releasing-models.md")}
# A registry, a mapper or a stack that is just starting is there a little later.
_RETRY = RetryPolicy(max_retries=3, delay=20, backoff=Backoff.EXPONENTIAL, jitter=Jitter.PLUS_MINUS)


@asset(
    deps=[evaluation_report],
    partitions_def=recipes,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "mlflow"},
    tags={"concept": "model", "personal_data": "none"},
    metadata=_GUIDE,
    retry_policy=RetryPolicy(max_retries=1, delay=10),
)
def registered_model(
    context: AssetExecutionContext, pipeline_settings: PipelineSettings
) -> MaterializeResult[None]:
    """A version of the model in MLflow that waits for a person: the candidate.

    Adapter, label tokens, embedding head and calibration with their evaluation and model card, as one
    model that loads by itself. It appears whole or not at all, and only if every gate of its evaluation
    is passed.
    """
    from pipelines.make_version import make_version  # noqa: PLC0415 - the interface needs no torch

    try:
        found = make_version(pipeline_settings.read(), context.partition_key, context.log.info)
    except RefusedError as error:
        raise Failure(str(error), allow_retries=False) from error
    version = found.version
    return MaterializeResult(
        metadata={
            "version": version.number,
            "model": version.model,
            "release": version.tag(Tag.RELEASE),
            "aliases": ", ".join(version.aliases),
            "was registered before": not found.is_new,
            "registered by": version.tag(Tag.REGISTERED_BY),
            "content": version.tag(Tag.CONTENT),
            "model card": MetadataValue.md(found.card),
            "to approve it": f"python -m pipelines approve {version.number} --by NAME --reason WHY",
        }
    )


@asset(
    deps=[registered_model],
    partitions_def=recipes,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "bentoml"},
    tags={"concept": "model", "personal_data": "none"},
    metadata=_GUIDE,
    retry_policy=_RETRY,
)
def mapper_bento(
    context: AssetExecutionContext,
    pipeline_settings: PipelineSettings,
    release_settings: ReleaseSettingsResource,
) -> MaterializeResult[None]:
    """The Bento of the approved version: built, started, and asked for the golden set's labels.

    It has to say which release it is, refuse a caller without a token, and answer as the release itself does.
    """
    from pipelines.make_deployment import make_bento  # noqa: PLC0415 - the interface needs no MLflow

    try:
        built = make_bento(
            pipeline_settings.read(), release_settings.read(), context.partition_key, context.log.info
        )
    except RefusedError as error:
        raise Failure(str(error), allow_retries=False) from error
    return MaterializeResult(
        metadata={
            "bento": built.tag,
            "version": built.version.number,
            "release": built.version.tag(Tag.RELEASE),
            "approved by": built.version.tag(Tag.APPROVED_BY),
            "seconds to ready": round(built.trial.seconds_to_ready, 1),
            "labels asked": built.trial.asked,
            "furthest off": round(built.trial.furthest_off, 4),
        }
    )


@asset(
    deps=[mapper_bento],
    partitions_def=recipes,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python"},
    tags={"concept": "model", "personal_data": "none"},
    metadata=_GUIDE,
    retry_policy=_RETRY,
)
def mapper_deployment(
    context: AssetExecutionContext,
    pipeline_settings: PipelineSettings,
    release_settings: ReleaseSettingsResource,
) -> MaterializeResult[None]:
    """The approved version, served: by the stack on this machine, or by a cluster from a written manifest.

    The mapper is told where it answers.
    """
    from pipelines.make_deployment import deploy  # noqa: PLC0415 - the interface needs no MLflow

    try:
        made = deploy(
            pipeline_settings.read(), release_settings.read(), context.partition_key, context.log.info
        )
    except RefusedError as error:
        raise Failure(str(error), allow_retries=False) from error
    except ReleaseError as error:
        context.log.warning("not deployed yet: %s", error)
        raise
    return MaterializeResult(
        metadata={
            "version": made.version.number,
            "release": made.version.tag(Tag.RELEASE),
            "bento": made.version.tag(Tag.BENTO),
            "served at": made.url or "not waited for",
            "the mapper was told": made.told,
            **({"manifest": MetadataValue.path(made.manifest.resolve())} if made.manifest else {}),
        }
    )
