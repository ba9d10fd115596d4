"""The servers of the comparison: how each is started, asked, and understood."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import psutil

from benchmarks.compare.regexes import NAME, PATTERNS
from benchmarks.load import stack_token
from deploy.local.guard import read_environment
from deploy.local.ports import free_ports
from deploy.local.settings import read_settings
from deploy.local.stack import open_stack

_KEY = "sk-compared"
_READY_S = 120
_OURS = "alt_profanity_check,detect_secrets,presidio_analyzer,prompt_guardrail"
Question = Callable[[str], object]
Reading = Callable[[str, int, object], bool]


@dataclass(frozen=True, slots=True)
class Compared:
    """A server that runs.

    Attributes:
        name: of the product, with its version.
        process: its main process.
        url: where it is asked.
        question: what is sent for a text.
        found: reads the answer to a text, and its status: whether something was found. AssertionError for
            an answer that is none.
        headers: what is sent along.
    """

    name: str
    process: psutil.Process
    url: str
    question: Question
    found: Reading
    headers: Mapping[str, str] = field(default_factory=dict)

    def worked_s(self) -> float:
        """Return the processor time of its processes so far, in seconds."""
        return sum(sum(one.cpu_times()[:2]) for one in (self.process, *self.process.children(recursive=True)))


@contextmanager
def _running(*command: str, env: Mapping[str, str], log: Path) -> Iterator[psutil.Process]:
    with log.open("wb") as said:
        process = subprocess.Popen(  # noqa: S603 - the servers of this comparison
            command, env=dict(env), stdout=said, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield psutil.Process(process.pid)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextmanager
def this_product(folder: Path) -> Iterator[Compared]:
    """Start one more orchestration_svc on the stack that is up, with the one detector."""
    (port,) = free_ports(1)
    # An installed package of one entry point, as a plugin of somebody else's would be.
    package = folder / "compared-1.dist-info"
    package.mkdir()
    (package / "METADATA").write_text("Metadata-Version: 2.1\nName: compared\nVersion: 1\n")
    (package / "entry_points.txt").write_text(
        f"[orchestration_svc.detectors]\n{NAME} = benchmarks.compare.regexes:RegexDetector\n"
    )
    stack = open_stack(read_settings())
    env = (
        dict(os.environ)
        | read_environment(stack.run / "env" / "orchestration.env")
        | {
            "PYTHONPATH": os.pathsep.join([str(folder), str(Path.cwd())]),
            "ORCHESTRATION_PORT": str(port),
            "ORCHESTRATION_METRICS_PORT": "0",
            "ORCHESTRATION_DISABLED_DETECTORS": _OURS,
            "ORCHESTRATION_LOG_LEVEL": "WARNING",
            # The others have none, and what is compared is the work.
            "ORCHESTRATION_RESPONSE_CACHE_S": "0",
        }
    )
    command = (sys.executable, "-m", "orchestration_svc", "serve")
    with _running(*command, env=env, log=folder / "ours.log") as process:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/health/ready", folder / "ours.log")
        yield Compared(
            "llama-mapper",
            process,
            f"{url}/api/v1/orchestrate",
            lambda text: {"content": text, "mode": "sync", "auto_map": False},
            _found_by_us,
            {"Authorization": f"Bearer {stack_token()}"},
        )


def _found_by_us(_: str, status: int, answer: object) -> bool:
    assert status == httpx.codes.OK, (status, answer)
    assert isinstance(answer, dict)
    (said,) = answer["detector_results"]
    assert said["status"] == "success", said
    return bool(said["output"])


@contextmanager
def litellm_proxy(python: Path, folder: Path) -> Iterator[Compared]:
    """Start LiteLLM's proxy with its own content filter, asked on its endpoint for guardrails alone."""
    (port,) = free_ports(1)
    config = folder / "litellm.yaml"
    # It masks: what it blocks it logs with a traceback, which would be no fair comparison.
    patterns = [
        {"pattern_type": "regex", "name": name, "pattern": pattern, "action": "MASK"}
        for name, pattern in PATTERNS.items()
    ]
    guardrail = {"guardrail": "litellm_content_filter", "mode": "pre_call", "patterns": patterns}
    config.write_text(
        json.dumps(
            {
                "model_list": [],
                "guardrails": [{"guardrail_name": "compared", "litellm_params": guardrail}],
                "general_settings": {"master_key": _KEY},
            }
        )
    )
    env = _plain_environment() | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
    program = str(python.with_name("litellm"))
    command = (
        program,
        "--config",
        str(config),
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
    )
    with _running(*command, env=env, log=folder / "litellm.log") as process:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/health/liveliness", folder / "litellm.log")
        yield Compared(
            f"LiteLLM proxy {_version(python, 'litellm')}",
            process,
            f"{url}/guardrails/apply_guardrail",
            lambda text: {"guardrail_name": "compared", "text": text},
            _found_by_litellm,
            {"Authorization": f"Bearer {_KEY}"},
        )


def _found_by_litellm(text: str, status: int, answer: object) -> bool:
    assert status == httpx.codes.OK, (status, answer)
    assert isinstance(answer, dict)
    return bool(answer["response_text"] != text)


@contextmanager
def nemo_guardrails(python: Path, folder: Path) -> Iterator[Compared]:
    """Start NeMo Guardrails' server with its own regex rail, asked on its endpoint for checks alone."""
    (port,) = free_ports(1)
    config = folder / "nemo" / "compared"
    config.mkdir(parents=True)
    rails = {
        "config": {"regex_detection": {"input": {"patterns": list(PATTERNS.values())}}},
        "input": {"flows": ["regex check input"]},
    }
    (config / "config.yml").write_text(json.dumps({"models": [], "rails": rails}))
    # Its place for code of one's own: without this it prints every event of every request.
    (config / "config.py").write_text("import logging\n\nlogging.getLogger().setLevel(logging.WARNING)\n")
    env = _plain_environment()
    command = (
        str(python.with_name("nemoguardrails")),
        *("server", "--config", str(config.parent), "--port", str(port)),
        *("--default-config-id", "compared", "--disable-chat-ui"),
    )
    with _running(*command, env=env, log=folder / "nemo.log") as process:
        url = f"http://127.0.0.1:{port}"
        _wait(f"{url}/v1/rails/configs", folder / "nemo.log")
        yield Compared(
            f"NeMo Guardrails server {_version(python, 'nemoguardrails')}",
            process,
            f"{url}/v1/checks",
            lambda text: {"model": "none", "messages": [{"role": "user", "content": text}]},
            _found_by_nemo,
        )


def _found_by_nemo(_: str, status: int, answer: object) -> bool:
    assert status == httpx.codes.OK, (status, answer)
    assert isinstance(answer, dict)
    return {"blocked": True, "passed": False}[answer["status"]]


@contextmanager
def all_servers(litellm: Path, nemo: Path, folder: Path) -> Iterator[list[Compared]]:
    """Start all of them."""
    with ExitStack() as stack:
        yield [
            stack.enter_context(this_product(folder)),
            stack.enter_context(litellm_proxy(litellm, folder)),
            stack.enter_context(nemo_guardrails(nemo, folder)),
        ]


def _wait(url: str, log: Path) -> None:
    until = time.monotonic() + _READY_S
    while time.monotonic() < until:
        try:
            if httpx.get(url, trust_env=False, timeout=2).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(
        f"{url} did not come up; the last it said:\n{log.read_text('utf-8', 'replace')[-2_000:]}"
    )


def _version(python: Path, package: str) -> str:
    asks = f"from importlib.metadata import version; print(version({package!r}))"
    return subprocess.run([python, "-c", asks], capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603


def _plain_environment() -> dict[str, str]:
    return {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
