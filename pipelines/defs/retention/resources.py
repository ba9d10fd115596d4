import os

from dagster import ConfigurableResource

from pipelines.retention_settings import RetentionSettings, read_retention_settings


class RetentionSettingsResource(ConfigurableResource[RetentionSettings]):
    """How a step reaches the services' data, read when the step runs."""

    def read(self) -> RetentionSettings:
        """Returns the settings."""
        return read_retention_settings(os.environ)
