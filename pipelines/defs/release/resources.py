import os

from dagster import ConfigurableResource

from pipelines.release_settings import ReleaseSettings, read_release_settings


class ReleaseSettingsResource(ConfigurableResource[ReleaseSettings]):
    """The settings of a release on the machine that a step runs on, read when the step runs."""

    def read(self) -> ReleaseSettings:
        """Returns the settings."""
        return read_release_settings(os.environ)
