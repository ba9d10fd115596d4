from pathlib import Path

from pydantic import BaseModel, ConfigDict

from bentos.llm.settings import EngineKind, Settings

ROOT = Path(__file__).parents[2]
"""The repository; in a Bento, the folder that its files were copied to."""


class Variant(BaseModel):
    """Build arguments: what makes one `llm` Bento another.

    Attributes:
        release: folder of the release; one that is not absolute is below the repository or the Bento.
        base: the base model in the place of the one that the release names; "" for that one.
        engine: what computes the model.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    release: str = "bentos/llm/release/smollm2-135m"
    base: str = ""
    engine: EngineKind = "transformers"

    def overridden(self, settings: Settings) -> "Variant":
        """Returns the variant with what the environment says instead."""
        return Variant(
            release=settings.release or self.release,
            base=settings.base or self.base,
            engine=settings.engine or self.engine,
        )

    def release_folder(self) -> Path:
        """Returns where the release is."""
        return ROOT / self.release
