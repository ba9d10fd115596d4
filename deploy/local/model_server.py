"""The model server of the stack: where it listens, which release it serves, and what it is told."""

import os
from dataclasses import dataclass
from pathlib import Path

import msgspec

from deploy.local.settings import CHECKOUT, StackSettings

SERVICE = "bentos.llm.service:Llm"
HOST = "127.0.0.1"
SHIPPED = CHECKOUT / "bentos" / "llm" / "release"
RELEASE_FILE = "origin.json"
"""Every release has one; it names what the release belongs to."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One of the two places in which a model server can run, so that the next can start beside the last.

    Attributes:
        name: its name under the supervisor and of its log.
        port: on 127.0.0.1.
    """

    name: str
    port: int

    @property
    def url(self) -> str:
        """Base URL."""
        return f"http://{HOST}:{self.port}"

    def environment_file(self, run: Path) -> Path:
        """Return the file with what the server in this slot is told."""
        return run / "env" / f"{self.name}.env"


def slots(settings: StackSettings) -> tuple[Slot, ...]:
    """Return the two slots, or none when the model is left out."""
    if settings.model == "off":
        return ()
    return Slot("model", settings.model_port), Slot("model-spare", settings.model_spare_port)


class _Pointer(msgspec.Struct, frozen=True):
    """What `current.json` says."""

    release: str


def data_root() -> Path:
    """Return the folder that the pipelines write under."""
    # As the pipelines read it: theirs is relative to where they are run, which is the checkout.
    return CHECKOUT / (os.environ.get("PIPELINES_DATA_ROOT") or ".run/pipelines")


def wanted_release(settings: StackSettings) -> Path:
    """Return the release to serve: the folder that was set, that was deployed last, or that is shipped."""
    if settings.model_release:
        return Path(settings.model_release).expanduser().absolute()
    pointer = data_root() / "deployed" / settings.model_recipe / "current.json"
    try:
        named = msgspec.json.decode(pointer.read_bytes(), type=_Pointer).release
    except FileNotFoundError:
        return SHIPPED / settings.model_recipe
    except msgspec.DecodeError:
        # Named all the same, so that the line about what is missing says which file is wrong.
        return pointer
    return pointer.parent / named


def python(settings: StackSettings) -> Path:
    """Return the interpreter of the model server's virtual environment."""
    return Path(settings.model_venv).expanduser().absolute() / "bin" / "python"


def obstacle(settings: StackSettings, release: Path) -> str | None:
    """Say in one line why no model can be served, and what to do; None when nothing is in the way."""
    if not python(settings).exists():
        return f"there is no {settings.model_venv}: `make model` installs what the model needs"
    if not (release / RELEASE_FILE).is_file():
        return f"{release} holds no release: `make train` makes one, LLAMA_MAPPER_MODEL_RELEASE names one"
    return None


def command(settings: StackSettings, slot: Slot) -> list[str]:
    """Return what serves the release that the slot's environment names."""
    return [
        *(str(python(settings)), "-m", "bentoml", "serve", SERVICE),
        *("--host", HOST, "--port", str(slot.port), "--working-dir", str(CHECKOUT)),
    ]


def environment(run: Path, release: Path, token: str) -> dict[str, str]:
    """Return what a model server is told; it reaches no database and no other service."""
    return {
        "LLM_RELEASE": str(release),
        "LLM_SERVICE_TOKEN": token,
        "LLM_DATA_ROOT": str(data_root()),
        "BENTOML_HOME": str(run / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true",
        "HF_HUB_OFFLINE": "1",
    }
