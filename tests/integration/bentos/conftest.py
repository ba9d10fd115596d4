"""Real Bentos of a tiny release, started with the interpreter that Bentos are served with."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

ROOT = Path(__file__).parents[3]
PYTHON = Path(os.environ.get("LLM_MODEL_VENV", ROOT / ".venv-model")) / "bin" / "python"
TOKEN = "token-of-the-test"
READY_SECONDS = 400.0
"""A busy machine needs minutes to import torch; a quiet one ten seconds."""


@dataclass(frozen=True)
class Bento:
    """A Bento that runs.

    Attributes:
        url: where.
        log: what it said so far.
        process: the server; its worker is a child.
    """

    url: str
    log: Path
    process: subprocess.Popen[bytes]

    def client(self, token: str = TOKEN) -> httpx.Client:
        return httpx.Client(base_url=self.url, headers={"Authorization": f"Bearer {token}"}, timeout=60)

    def wait_until(self, done: Callable[[], bool], seconds: float = READY_SECONDS) -> None:
        ends = time.monotonic() + seconds
        while not done():
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < ends, self.log.read_text()
            time.sleep(0.2)

    def answers(self, path: str, status: int) -> bool:
        try:
            return httpx.get(f"{self.url}{path}", timeout=5).status_code == status
        except httpx.HTTPError:
            return False


@pytest.fixture(scope="session")
def model_python() -> Path:
    if not PYTHON.exists():
        pytest.skip("Bentos are NOT started here: there is no .venv-model, `make model` makes it")
    return PYTHON


@pytest.fixture(scope="session")
def tiny(model_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder with a tiny base and a release that belongs to it."""
    folder = tmp_path_factory.mktemp("tiny") / "data"
    made = subprocess.run(
        [str(model_python), "-m", "tests.fixtures.tiny_release", str(folder)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=400,
        check=False,
    )
    assert made.returncode == 0, made.stderr
    return folder


@pytest.fixture(scope="session")
def start_bento(
    model_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Callable[..., AbstractContextManager[Bento]]:
    """Starts what `bentoml serve` is given, with settings beside those of the machine."""

    @contextmanager
    def start(target: str, settings: dict[str, str], *arguments: str) -> Iterator[Bento]:
        folder = tmp_path_factory.mktemp("bento")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        kept = {
            name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "EMBEDDER_"))
        }
        own = {"BENTOML_HOME": str(folder / "home"), "BENTOML_DO_NOT_TRACK": "true", "HF_HUB_OFFLINE": "1"}
        command = [str(model_python), "-m", "bentoml", "serve", target, "--port", str(port), *arguments]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**kept, **own, **settings},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        try:
            yield Bento(f"http://127.0.0.1:{port}", folder / "log", process)
        finally:
            for sent in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sent)
                    process.wait(20)
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue

    return start
