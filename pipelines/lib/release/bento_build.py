"""A release as a Bento, made by the virtual environment that has BentoML."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from pipelines.lib.release.release_error import ReleaseError

CHECKOUT = Path(__file__).parents[3]
_SECONDS = 900


@dataclass(frozen=True, slots=True)
class BentoTools:
    """Where Bentos are made and kept.

    Attributes:
        python: interpreter of the virtual environment with BentoML.
        home: BentoML's own folder, with its store.
        data_root: folder of the base models.
    """

    python: Path
    home: Path
    data_root: Path

    def environment(self) -> dict[str, str]:
        """Returns what every command of BentoML is told; settings of a Bento on this machine are not."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "BENTO_"))}
        own = {
            "BENTOML_HOME": str(self.home.resolve()),
            "BENTOML_DO_NOT_TRACK": "true",
            "HF_HUB_OFFLINE": "1",
            "LLM_DATA_ROOT": str(self.data_root.resolve()),
        }
        return {**kept, **own}


def build_bento(tools: BentoTools, release: Path) -> str:
    """Builds the Bento of a release and returns its tag.

    Args:
        tools: what it is built with.
        release: the release folder.

    Raises:
        ReleaseError: there is no such environment, or the build failed.
    """
    if not tools.python.exists():
        raise ReleaseError(f"there is no {tools.python}: `make model` installs what Bentos are built with")
    tools.home.mkdir(parents=True, exist_ok=True)
    built = subprocess.run(  # noqa: S603 - our own command
        [str(tools.python), "-m", "bentos.llm.build", "--release", str(release.resolve())],
        cwd=CHECKOUT,
        env=tools.environment(),
        capture_output=True,
        text=True,
        timeout=_SECONDS,
        check=False,
    )
    if built.returncode:
        raise ReleaseError(
            f"the Bento of {release} was not built: {last_words(built.stderr or built.stdout)}"
        )
    return last_words(built.stdout)


def last_words(text: str) -> str:
    """Returns the last line that says something."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"
