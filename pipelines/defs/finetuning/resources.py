import os

from dagster import ConfigurableResource

from pipelines.settings import Settings, read_settings


class PipelineSettings(ConfigurableResource[Settings]):
    """The settings of the machine that a step runs on, read when the step runs.

    Attributes:
        data_root: overrides the setting of that name for a run.
        feedback: overrides the setting of that name for a run.
        edition: overrides the setting of that name for a run.
    """

    data_root: str | None = None
    feedback: str | None = None
    edition: str | None = None

    def read(self) -> Settings:
        """Returns the settings, a run's own first."""
        from_environment = read_settings(os.environ)
        return Settings(
            data_root=self.data_root or from_environment.data_root,
            feedback=self.feedback or from_environment.feedback,
            edition=self.edition or from_environment.edition,
        )
