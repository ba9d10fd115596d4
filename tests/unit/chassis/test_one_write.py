"""An answer leaves in one piece, whole, and nothing is written on a connection that is gone."""

import asyncio
import socket
from importlib import import_module
from typing import Any

import httpx
import pytest
import uvicorn

SERVICES = ("orchestration_svc", "mapper_svc", "analysis_svc")


class Wire:
    """A transport that remembers."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.closed = False

    def write(self, data: bytes) -> None:
        assert not self.closed
        self.written.append(data)

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("service", SERVICES)
async def test_head_and_body_are_written_at_once_and_before_the_end(service: str) -> None:
    gathered = import_module(f"{service}.server")._Gathered
    wire = Wire()
    one = gathered(wire, asyncio.get_running_loop())
    one.write(b"head ")
    one.write(b"body")
    assert wire.written == []
    await asyncio.sleep(0)
    assert wire.written == [b"head body"]
    one.write(b"last")
    one.close()
    assert (wire.written, wire.closed) == ([b"head body", b"last"], True)


@pytest.mark.parametrize("service", SERVICES)
async def test_nothing_is_written_on_a_connection_that_is_gone(service: str) -> None:
    wire = Wire()
    one = import_module(f"{service}.server")._Gathered(wire, asyncio.get_running_loop())
    one.write(b"late")
    wire.closed = True
    await asyncio.sleep(0)
    assert wire.written == []


async def test_real_server_answers_many_calls_streams_and_large_bodies_whole() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        del receive
        assert scope["type"] == "http"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for part in range(50):
            await send({"type": "http.response.body", "body": b"%02d" % part * 10_000, "more_body": True})
        await send({"type": "http.response.body", "body": b""})

    protocol = import_module("orchestration_svc.server").OneWrite
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, http=protocol, lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        url = f"http://127.0.0.1:{listening.getsockname()[1]}/"
        async with httpx.AsyncClient(trust_env=False) as client:
            expected = b"".join(b"%02d" % part * 10_000 for part in range(50))
            for _ in range(3):
                assert (await client.get(url)).content == expected
        server.should_exit = True
        await serving
