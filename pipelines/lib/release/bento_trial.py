"""Whether a Bento serves a release: it is started and asked before anybody relies on it."""

import os
import secrets
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from pipelines.lib.release.bento_build import BentoTools, last_words
from pipelines.lib.release.expected_answers import TOLERANCE, furthest_off, read_expected_answers
from pipelines.lib.release.model_server import ModelServer
from pipelines.lib.release.release_error import ReleaseError

_HOST = "127.0.0.1"
_ENDING_SECONDS = 15
_LOOK_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Trial:
    """What a Bento did.

    Attributes:
        seconds_to_ready: from its start until it was ready.
        asked: how many labels it was asked for.
        furthest_off: largest difference of a probability from the release's own answers.
    """

    seconds_to_ready: float
    asked: int
    furthest_off: float


def try_bento(tools: BentoTools, tag: str, release: Path, version: str, patience_seconds: float) -> Trial:
    """Starts a Bento, and asks whether it is ready, which release it is, and for the expected answers.

    Args:
        tools: what it is run with.
        tag: the Bento.
        release: the release folder, with its expected answers.
        version: the release's id.
        patience_seconds: how long it may take until it is ready.

    Raises:
        ReleaseError: it does not start, serves another release, answers strangers, or answers otherwise.
    """
    expected = read_expected_answers(release)
    token = secrets.token_urlsafe()
    with (
        _served(tools, tag, token) as (process, log, port),
        ModelServer(f"http://{_HOST}:{port}", token) as server,
    ):
        seconds = _until_ready(server, process, log, patience_seconds)
        served = server.release()
        if served != version:
            raise ReleaseError(f"{tag} serves the release {served}, not {version}")
        if not server.refuses_strangers():
            raise ReleaseError(f"{tag} answers without a token")
        off = furthest_off(expected, server.answers(expected))
    if off > TOLERANCE:
        raise ReleaseError(f"{tag} answers otherwise than the release: a probability is {off:.4f} off")
    return Trial(seconds, len(expected), off)


def _until_ready(
    server: ModelServer, process: subprocess.Popen[bytes], log: Path, patience_seconds: float
) -> float:
    began = time.monotonic()
    while not server.is_ready():
        waited = time.monotonic() - began
        if process.poll() is not None or waited > patience_seconds:
            words = last_words(log.read_text(encoding="utf-8", errors="replace"))
            raise ReleaseError(f"the Bento is not ready after {waited:.0f} s: {words}")
        time.sleep(_LOOK_SECONDS)
    return time.monotonic() - began


@contextmanager
def _served(tools: BentoTools, tag: str, token: str) -> Iterator[tuple[subprocess.Popen[bytes], Path, int]]:
    port = _free_port()
    command = [str(tools.python), "-m", "bentoml", "serve", tag, "--host", _HOST, "--port", str(port)]
    with tempfile.TemporaryDirectory(prefix="llama-mapper-") as scratch:
        log = Path(scratch) / "bento.log"
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - our own command
                command,
                cwd=scratch,
                env=tools.environment() | {"LLM_SERVICE_TOKEN": token},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
        try:
            yield process, log, port
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the server with the workers that it started; they are a process group of their own."""
    for sent in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, sent)
        except ProcessLookupError:
            break
        try:
            process.wait(_ENDING_SECONDS)
        except subprocess.TimeoutExpired:
            continue


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((_HOST, 0))
        return int(probe.getsockname()[1])
