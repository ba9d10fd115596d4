import os
from pathlib import Path

from dagster import ConfigurableResource

from pipelines.retention_settings import read_retention_settings
from pipelines.settings import SettingsError

_FOLDER = "PIPELINES_KNOWLEDGE_FOLDER"


class KnowledgeSettings(ConfigurableResource[None]):
    """Where official texts lie and where the index is, read when a step runs.

    Attributes:
        folder: of the texts; empty: PIPELINES_KNOWLEDGE_FOLDER.
    """

    folder: str = ""

    def texts(self) -> Path:
        """Return the folder of texts.

        Raises:
            SettingsError: it is not set.
        """
        chosen = self.folder or os.environ.get(_FOLDER, "").strip()
        if not chosen:
            raise SettingsError(f"{_FOLDER} is not set: it is the folder that the official texts lie in")
        return Path(chosen)

    def made(self) -> Path:
        """Return the folder that chunks are written to."""
        return Path(read_retention_settings(os.environ).data_root) / "knowledge"

    def database_url(self) -> str:
        """Return the DSN of analysis_pipeline."""
        return read_retention_settings(os.environ).url("analysis")
