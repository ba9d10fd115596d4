from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import msgspec

from pipelines.lib.retention.delete_due import BATCH
from pipelines.settings import SettingsError

_PREFIX = "PIPELINES_"
SERVICES = ("analysis", "mapper", "orchestration")
Url = Annotated[str, msgspec.Meta(pattern=r"^(postgresql(\+psycopg)?://.*)?$")]


class RetentionSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the pipelines reach what ages, read from `PIPELINES_<FIELD>`.

    Attributes:
        analysis_database_url: DSN of analysis_pipeline; it keeps the legal holds, so nothing goes without it.
        mapper_database_url: DSN of mapper_pipeline.
        orchestration_database_url: DSN of orchestration_pipeline; it knows the tenants.
        archive: folder of the write-once archive, or s3://bucket/prefix of a bucket with object lock; empty:
            beside the pipelines' other data.
        archive_days: how long an archived object stays locked in a bucket, in days.
        retention_batch: rows of a kind that one transaction removes.
        data_root: folder that everything made is written under.
    """

    analysis_database_url: Url = ""
    mapper_database_url: Url = ""
    orchestration_database_url: Url = ""
    archive: str = ""
    archive_days: Annotated[int, msgspec.Meta(ge=1, le=36_500)] = 3_650
    retention_batch: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = BATCH
    data_root: str = ".run/pipelines"

    def url(self, service: str) -> str:
        """Return the DSN of a service's pipeline role.

        Raises:
            SettingsError: it is not set; names the variable.
        """
        url: str = getattr(self, f"{service}_database_url")
        if not url:
            raise SettingsError(f"{_PREFIX}{service.upper()}_DATABASE_URL is not set")
        return url

    @property
    def archive_place(self) -> str:
        """Where the archive is."""
        return self.archive or str(Path(self.data_root) / "archive")


def read_retention_settings(environment: Mapping[str, str]) -> RetentionSettings:
    """Read the settings; a variable that is set to nothing counts as not set.

    Raises:
        SettingsError: a variable holds what cannot be; names it and never says what it holds.
    """
    given = {}
    for field in msgspec.structs.fields(RetentionSettings):
        name = _PREFIX + field.name.upper()
        if value := environment.get(name, "").strip():
            try:
                given[field.name] = msgspec.convert(value, field.type, strict=False)
            except msgspec.ValidationError as error:
                raise SettingsError(f"{name} is wrong: {error}") from None
    return RetentionSettings(**given)
