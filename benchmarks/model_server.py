"""A model server and a mapper that asks it, for the length of a measurement."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from deploy.local.guard import read_environment
from deploy.local.model_readiness import is_ready, memory_mb, served_version
from deploy.local.model_server import SERVICE, Slot, data_root, wanted_release
from deploy.local.ports import HOST, free_ports
from deploy.local.services import SERVICES
from deploy.local.settings import CHECKOUT
from deploy.local.stack import Stack

START_SECONDS = 180
STOP_SECONDS = 30
TOKEN = "benchmark"  # noqa: S105 - of a server that lives as long as the measurement

ENGINES = {"transformers": CHECKOUT / ".venv-model", "vllm": CHECKOUT / ".venv-vllm"}
"""The virtual environment of each engine."""


@dataclass(frozen=True, slots=True)
class Served:
    """What is being measured.

    Attributes:
        mapper: base URL of the mapper.
        version: what the model server says of itself.
        start_seconds: from its start until it was ready.
        memory_mb: of the model server, with nothing asked yet.
    """

    mapper: str
    version: str
    start_seconds: float
    memory_mb: float


class NotServedError(Exception):
    """A model server or its mapper did not come up; says where its log is."""


@contextmanager
def served(stack: Stack, engine: str, logs: Path) -> Iterator[Served]:
    """Run a model server with one engine and a mapper that asks it, on ports of their own.

    The mapper uses the database, cache and keys of the stack that is up.

    Raises:
        NotServedError: one of them did not become ready.
    """
    model_port, mapper_port = free_ports(2)
    slot = Slot(engine, model_port)
    python = ENGINES[engine] / "bin" / "python"
    command = [str(python), "-m", "bentoml", "serve", SERVICE, "--host", HOST, "--port", str(model_port)]
    told = {
        "LLM_RELEASE": str(wanted_release(stack.settings)),
        "LLM_ENGINE": engine,
        "LLM_SERVICE_TOKEN": TOKEN,
        "LLM_DATA_ROOT": str(data_root()),
        "BENTOML_HOME": str(logs / "bentoml"),
        "BENTOML_DO_NOT_TRACK": "true",
    }
    with ExitStack() as running:
        log, begun = logs / f"{engine}.log", time.monotonic()
        model = running.enter_context(_running(command, told, log))
        _wait(lambda: is_ready(slot), model, log)
        seconds = time.monotonic() - begun
        mapper_log = logs / f"mapper-{engine}.log"
        mapper = running.enter_context(_running(*_mapper(stack, slot, mapper_port), mapper_log))
        url = f"http://{HOST}:{mapper_port}"
        _wait(lambda: _answers(f"{url}/health/live"), mapper, mapper_log)
        version = str(served_version(slot, TOKEN))
        yield Served(url, version, seconds, memory_mb(model.pid))


def _mapper(stack: Stack, slot: Slot, port: int) -> tuple[list[str], dict[str, str]]:
    service = next(one for one in SERVICES if one.name == "mapper")
    told = read_environment(stack.environment_file(service)) | {
        "MAPPER_PORT": str(port),
        "MAPPER_METRICS_PORT": "0",
        "MAPPER_MODEL_URL": slot.url,
        "MAPPER_MODEL_TOKEN": TOKEN,
    }
    return [sys.executable, "-m", service.module, "serve"], told


@contextmanager
def _running(command: list[str], told: Mapping[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 - our own fixed commands
            command, cwd=CHECKOUT, env=os.environ | told, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _wait(condition: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        if process.poll() is not None or time.monotonic() > deadline:
            raise NotServedError(f"not ready: see {log}")
        time.sleep(0.2)
