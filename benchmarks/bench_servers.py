"""Which HTTP server carries a service best: granian or uvicorn, with and without uvloop (stack up).

The mapper is started once under each on a port of its own, with the stack's database, cache and keys.
A server that is not installed is named and left out: `uv pip install granian` brings the one not used.
"""

import argparse
import asyncio
import importlib.util
import os
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from benchmarks.load import Figures, measure, report, stack_token
from deploy.local.services import SERVICES
from deploy.local.settings import read_settings
from deploy.local.stack import open_stack

_APP = "mapper_svc.app:from_env"
_BODY = {"detector": "openai_moderation", "output": "harassment/threatening"}
_START_LIMIT_S = 30


def _commands(port: int) -> dict[str, list[str]]:
    granian = [
        "granian",
        "--interface",
        "asgi",
        "--factory",
        "--port",
        str(port),
        "--log-level",
        "warning",
        _APP,
    ]
    uvicorn = ["uvicorn", "--factory", "--port", str(port), "--no-access-log", "--log-level", "warning", _APP]
    return {
        "granian, asyncio": [*granian, "--loop", "asyncio"],
        "granian, uvloop": [*granian, "--loop", "uvloop"],
        "uvicorn, asyncio, h11": [*uvicorn, "--loop", "asyncio", "--http", "h11"],
        "uvicorn, uvloop, httptools": [*uvicorn, "--loop", "uvloop", "--http", "httptools"],
    }


@contextmanager
def _running(command: list[str], environment: dict[str, str], port: int) -> Iterator[None]:
    process = subprocess.Popen(  # noqa: S603 - our own fixed commands
        [sys.executable, "-m", *command], env=environment, stdout=subprocess.DEVNULL
    )
    try:
        deadline = time.monotonic() + _START_LIMIT_S
        while time.monotonic() < deadline:
            try:
                httpx.get(f"http://127.0.0.1:{port}/health/live", trust_env=False).raise_for_status()
                break
            except httpx.HTTPError:
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(timeout=20)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _drive(name: str, port: int, token: str, requests: int) -> list[Figures]:
    url = f"http://127.0.0.1:{port}/api/v1/map"
    async with httpx.AsyncClient(headers={"Authorization": f"Bearer {token}"}, trust_env=False) as client:
        return [
            await measure(
                name,
                lambda _: client.post(url, json=_BODY),
                requests=requests,
                concurrency=concurrency,
                warm_up=50,
            )
            for concurrency in (1, 16)
        ]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=1000, help="for each row (default: %(default)s)")
    requests = parser.parse_args().requests
    stack = open_stack(read_settings())
    mapper = next(service for service in SERVICES if service.name == "mapper")
    told = dict(
        line.split("=", 1) for line in stack.environment_file(mapper).read_text().splitlines() if "=" in line
    )
    token, port = stack_token(), _free_port()
    environment = os.environ | {name: value.strip("'\"") for name, value in told.items()}
    environment |= {"MAPPER_METRICS_PORT": "0", "MAPPER_LOG_LEVEL": "INFO"}
    rows: list[Figures] = []
    for name, command in _commands(port).items():
        needed = {command[0], *({"uvloop"} & set(command)), *({"httptools"} & set(command))}
        if absent := sorted(module for module in needed if importlib.util.find_spec(module) is None):
            print(f"{name}: left out, {', '.join(absent)} is not installed")
            continue
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        with _running(command, environment, port):
            rows += asyncio.run(_drive(name, port, token, requests))
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        print(f"{name}: {seconds:.1f} s of processor time, start included")
    report("POST /api/v1/map, one process", rows)


if __name__ == "__main__":
    main()
