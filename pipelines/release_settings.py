from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated

import msgspec

from pipelines.settings import SettingsError

_PREFIX = "PIPELINES_"


class Target(StrEnum):
    """Where a release is served.

    Members:
        LOCAL: by the stack of `make up` on this machine, which watches what is deployed.
        KUBERNETES: by what applies the written manifest.
    """

    LOCAL = "local"
    KUBERNETES = "kubernetes"


class ReleaseSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How models are approved, built and deployed, read from `PIPELINES_<FIELD>`.

    Attributes:
        four_eyes: two different people have to approve, and neither may have made the version.
        model_python: interpreter of the virtual environment that Bentos are built and tried with.
        trial_seconds: how long a Bento may take until it is ready, in seconds.
        target: where a release is served.
        bento_urls: base URLs at which the stack serves the model, with commas between; a local deployment
            waits until one answers with the new release. Nothing waits when it is empty.
        serving_seconds: how long that wait may be, in seconds.
        mapper_url: base URL of the mapper; it is told of a new release when this is set.
        canary_percent: share of the tenants that a new release serves first, in percent; with 0 it serves
            everybody at once.
        image: image of the Bento in the manifest; the release's id is its tag.
        namespace: namespace in the manifest.
    """

    four_eyes: bool = False
    model_python: str = ".venv-model/bin/python"
    trial_seconds: Annotated[int, msgspec.Meta(ge=1)] = 180
    target: Target = Target.LOCAL
    bento_urls: str = ""
    serving_seconds: Annotated[int, msgspec.Meta(ge=1)] = 180
    mapper_url: str = ""
    canary_percent: Annotated[int, msgspec.Meta(ge=0, le=99)] = 0
    image: str = "llama-mapper/llm"
    namespace: Annotated[str, msgspec.Meta(pattern="^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$")] = "llama-mapper"


def read_release_settings(environment: Mapping[str, str]) -> ReleaseSettings:
    """Reads the settings; a variable that is set to nothing counts as not set.

    Raises:
        SettingsError: a variable holds what cannot be; names it.
    """
    given = {}
    for field in msgspec.structs.fields(ReleaseSettings):
        name = _PREFIX + field.name.upper()
        if value := environment.get(name, "").strip():
            try:
                given[field.name] = msgspec.convert(value, field.type, strict=False)
            except msgspec.ValidationError as error:
                raise SettingsError(f"{name} is wrong: {error}") from error
    return ReleaseSettings(**given)
