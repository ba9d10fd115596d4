"""Whatever a server sends, a call ends in its answer or a named error, never in another call's answer."""

import asyncio
import contextlib
import ipaddress
import ssl
import threading
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.adapters.http_calls import (
    AnswerTooLargeError,
    BrokenOffError,
    CallError,
    CallTimeoutError,
    CannotBeSentError,
    ConnectTimeoutError,
    HttpAnswer,
    NoRoomError,
    NotConnectedError,
    NotHttpError,
)
from orchestration_svc.adapters.http_connection import MAX_HEAD_BYTES, HttpConnection
from orchestration_svc.adapters.name_lookup import NameLookup
from orchestration_svc.adapters.outbound_client import AnyAddress, OutboundClient
from orchestration_svc.adapters.outbound_rule import Address

GOOD = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Server:
    """Sends a script: for each request of each connection the next of `answers`, the last one for ever."""

    def __init__(self, *answers: bytes, then_ends: bool = False, silent_after: int | None = None) -> None:
        self.answers = list(answers)
        self.then_ends = then_ends
        self.silent_after = silent_after
        self.requests: list[bytes] = []
        self.asked = asyncio.Event()
        self.connections = 0
        self.url = ""
        self.port = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or 0)
                self.requests.append(head + await reader.readexactly(length))
                self.asked.set()
                if self.silent_after is not None and len(self.requests) > self.silent_after:
                    await reader.read()
                    break
                writer.write(self.answers.pop(0) if len(self.answers) > 1 else self.answers[0])
                await writer.drain()
                if self.then_ends:
                    break
        writer.close()


@asynccontextmanager
async def running(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    listening = await asyncio.start_server(server.serve, "127.0.0.1", 0, ssl=tls)
    server.port = listening.sockets[0].getsockname()[1]
    server.url = f"http://127.0.0.1:{server.port}/"
    try:
        yield server
    finally:
        listening.close()


async def ask(
    client: OutboundClient, server: Server, *, timeout_s: float = 2.0, max_bytes: int = 1_000, path: str = ""
) -> HttpAnswer:
    return await client.call(
        "POST", server.url + path, headers={}, body=b"{}", timeout_s=timeout_s, max_bytes=max_bytes
    )


def new_client(most: int = 4) -> OutboundClient:
    return OutboundClient(AnyAddress(), max_connections=most)


async def test_connection_is_used_again_after_a_whole_answer() -> None:
    async with running(Server(GOOD)) as server, new_client() as client:
        for _ in range(3):
            assert (await ask(client, server)).body == b"{}"
    assert server.connections == 1


async def test_request_is_written_as_http_asks_for() -> None:
    async with running(Server(GOOD)) as server, new_client() as client:
        await client.call(
            "POST", f"{server.url}a b?q=é", headers={"X-A": "1"}, body=b"xy", timeout_s=2, max_bytes=10
        )
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    lines = head.decode().split("\r\n")
    assert (lines[0], body) == ("POST /a%20b?q=%C3%A9 HTTP/1.1", b"xy")
    assert {f"Host: 127.0.0.1:{server.port}", "X-A: 1", "Content-Length: 2"} <= set(lines)


@pytest.mark.parametrize(
    "more",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nX: forged\r\n\r\nforged", b"forged", b"\x00", b"HTTP/1.1 200"],
)
@pytest.mark.parametrize("later", [False, True])
async def test_what_comes_behind_an_answer_never_answers_the_next_call(more: bytes, later: bool) -> None:  # noqa: FBT001 - two cases
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                writer.write(GOOD if later else GOOD + more)
                await writer.drain()
                if later:
                    await asyncio.sleep(0.02)
                    writer.write(more)
        writer.close()

    listening = await asyncio.start_server(serve, "127.0.0.1", 0)
    server = Server()
    server.url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
    async with listening, new_client() as client:
        for _ in range(3):
            answer = await ask(client, server)
            assert (answer.body, "x" in answer.headers) == (b"{}", False)
            await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (b"SSH-2.0-OpenSSH_9.9\r\n", NotHttpError),
        (b"\x16\x03\x01\x00\x00", NotHttpError),
        (b"HTTP/1.1 200 OK\r\nX: " + b"a" * MAX_HEAD_BYTES + b"\r\n", NotHttpError),
        (b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 12_000, NotHttpError),
        (b"HTTP/1.1 103 Early\r\n\r\n" * 4_000, NotHttpError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}x", NotHttpError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n{}", NotHttpError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", NotHttpError),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NotHttpError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n" + b"x" * 2_000, AnswerTooLargeError),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 1_001,
            AnswerTooLargeError,
        ),
        (
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;" + b"a" * 80_000,
            AnswerTooLargeError,
        ),
    ],
)
async def test_answer_that_is_none_or_too_much_is_named_and_its_connection_closed(
    answer: bytes, error: type[CallError]
) -> None:
    async with running(Server(answer)) as server, new_client() as client:
        for _ in range(2):
            with pytest.raises(error):
                await ask(client, server)
    assert server.connections == 2


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 20", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n[[", b"HTTP/1.1 200 OK\r\nX: y\r\n"],
)
async def test_answer_that_breaks_off_is_no_answer(answer: bytes) -> None:
    async with running(Server(answer, then_ends=True)) as server, new_client() as client:
        with pytest.raises(BrokenOffError):
            await ask(client, server)


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\nuntil the end", b"until the end"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + GOOD, b"{}"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n[[\r\n2\r\n]]\r\n0\r\n\r\n", b"[[]]"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\ncontent-LENGTH: 2\r\nConnection: close\r\n\r\n{}", b"{}"),
    ],
)
async def test_every_way_to_end_an_answer_is_understood(answer: bytes, body: bytes) -> None:
    async with running(Server(answer, then_ends=True)) as server, new_client() as client:
        assert (await ask(client, server)).body == body


async def test_caller_that_wants_no_body_gets_the_status_and_reads_none() -> None:
    endless = b"HTTP/1.1 202 Accepted\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 50_000
    async with running(Server(endless)) as server, new_client() as client:
        answer = await ask(client, server, max_bytes=0)
    assert (answer.status, answer.body) == (202, b"")


async def test_silent_server_is_given_up_in_time_and_its_connection_closed() -> None:
    async with running(Server(GOOD, silent_after=1)) as server, new_client() as client:
        await ask(client, server)
        with pytest.raises(CallTimeoutError):
            await ask(client, server, timeout_s=0.05)
        server.silent_after = None
        await ask(client, server)
    assert server.connections == 2


async def test_cancelled_call_leaves_no_connection_that_its_answer_could_come_on() -> None:
    async with running(Server(GOOD, silent_after=0)) as server, new_client() as client:
        call = asyncio.create_task(ask(client, server))
        await server.asked.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        server.silent_after = None
        assert (await ask(client, server)).body == b"{}"
    assert server.connections == 2


async def test_call_beyond_the_most_waits_and_is_given_up_in_time() -> None:
    async with running(Server(GOOD, silent_after=0)) as server, new_client(most=1) as client:
        first = asyncio.create_task(ask(client, server, timeout_s=5))
        await server.asked.wait()
        with pytest.raises(NoRoomError, match="no connection came free"):
            await ask(client, server, timeout_s=0.05)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        server.silent_after = None
        assert (await ask(client, server)).body == b"{}"


async def test_tenant_whose_servers_are_silent_leaves_room_to_others() -> None:
    async with (
        running(Server(GOOD, silent_after=0)) as silent,
        running(Server(GOOD)) as server,
        new_client(most=8) as client,
    ):

        async def call(to: Server, tenant: UUID | None, timeout_s: float) -> HttpAnswer:
            return await client.call(
                "POST", to.url, headers={}, timeout_s=timeout_s, max_bytes=1_000, tenant=tenant
            )

        hostile, another = uuid4(), uuid4()
        waiting = [asyncio.create_task(call(silent, hostile, 20)) for _ in range(20)]
        await silent.asked.wait()
        with pytest.raises(NoRoomError):
            await call(server, hostile, 0.05)
        for tenant in (another, None):
            assert (await call(server, tenant, 20)).body == b"{}"
        for one in waiting:
            one.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert (await call(server, hostile, 20)).body == b"{}"
    assert silent.connections == 2


async def test_idle_connections_of_others_make_room() -> None:
    async with contextlib.AsyncExitStack() as stack:
        servers = [await stack.enter_async_context(running(Server(GOOD))) for _ in range(4)]
        client = await stack.enter_async_context(new_client(most=2))
        for server in servers * 2:
            assert (await ask(client, server)).status == 200
            await asyncio.sleep(0)
            assert len(client._open) <= 2


async def test_name_server_that_does_not_answer_and_nobody_listening_are_told_apart() -> None:
    let_go = threading.Event()

    def never(*_: object, **__: object) -> list[Any]:
        let_go.wait(30)
        return []

    names = NameLookup(never)
    async with OutboundClient(AnyAddress(), max_connections=1, lookup=names) as client:
        with pytest.raises(ConnectTimeoutError):
            await client.call("GET", "http://slow.test/", headers={}, timeout_s=0.05, max_bytes=1)
    let_go.set()
    names.close()
    async with new_client() as client:
        with pytest.raises(NotConnectedError):
            await client.call("GET", "http://127.0.0.1:1/", headers={}, timeout_s=2, max_bytes=1)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X-A", "1\r\nX-B: 2"), ("X-A", "1\n"), ("X-A", "1\x00"), ("X-A", "\u20ac"), ("X A", "1"), ("", "1"),
        ("X-A:", "1"), ("Host", "elsewhere"), ("Content-Length", "0"), ("transfer-encoding", "chunked"),
    ],
)  # fmt: skip
async def test_header_that_would_write_another_is_not_sent(name: str, value: str) -> None:
    async with running(Server(GOOD)) as server, new_client() as client:
        with pytest.raises(CannotBeSentError):
            await client.call("GET", server.url, headers={name: value}, timeout_s=2, max_bytes=1)
    assert server.requests == []


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "//x/", "http://u:p@x/", "http://x:port/", "http://a b/"]
)
async def test_url_that_is_none_is_not_called(url: str) -> None:
    async with new_client() as client:
        with pytest.raises(CannotBeSentError):
            await client.call("GET", url, headers={}, timeout_s=2, max_bytes=1)


async def test_server_that_cannot_prove_its_name_gets_no_request(tmp_path: Path) -> None:
    async def here(host: str, **_: object) -> Sequence[Address]:
        del host
        return [ipaddress.ip_address("127.0.0.1")]

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(_self_signed(tmp_path))
    async with (
        running(Server(GOOD), tls) as server,
        OutboundClient(AnyAddress(), max_connections=1, lookup=here) as client,
    ):
        url = f"https://detector.example.com:{server.port}/"
        with pytest.raises(NotConnectedError):
            await client.call("POST", url, headers={}, body=b"secret", timeout_s=2, max_bytes=10)
    assert server.requests == []


def _self_signed(folder: Path) -> Path:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "detector.example.com")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("detector.example.com")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / "server.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(private + certificate.public_bytes(Encoding.PEM))
    return path


class Wire(asyncio.Transport):
    """A transport that goes nowhere."""

    def __init__(self) -> None:
        super().__init__()
        self.ended = False

    def write(self, data: object) -> None:
        del data

    def get_write_buffer_size(self) -> int:
        return 0

    def is_closing(self) -> bool:
        return self.ended

    def abort(self) -> None:
        self.ended = True


_pieces = st.lists(
    st.binary(max_size=40)
    | st.sampled_from(
        [
            b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 X\r\nUpgrade: y\r\n",
            b"Content-Length: 2\r\n", b"Transfer-Encoding: chunked\r\n", b"Connection: close\r\n", b"\r\n",
            b"{}", b"2\r\n{}\r\n", b"0\r\n\r\n", GOOD,
        ]
    ),
    max_size=8,
)  # fmt: skip


@given(_pieces)
async def test_any_bytes_whatever_end_in_an_answer_or_a_call_error(pieces: list[bytes]) -> None:
    connection, wire = HttpConnection(lambda _: None), Wire()
    connection.connection_made(wire)
    call = asyncio.create_task(connection.exchange(b"x", max_bytes=100, timeout_s=5))
    await asyncio.sleep(0)
    for piece in pieces:
        if not wire.ended:
            connection.data_received(piece)
    if not wire.ended:
        connection.eof_received()
    connection.connection_lost(None)
    try:
        answer = await call
    except CallError:
        assert not connection.is_reusable
    else:
        assert len(answer.body) <= 100
        assert connection.settle() is False


async def test_connections_that_nobody_uses_are_closed_each_in_its_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("orchestration_svc.adapters.outbound_client.KEPT_S", 0.05)
    async with running(Server(GOOD)) as server, new_client() as client:
        await asyncio.gather(ask(client, server), ask(client, server))
        await asyncio.sleep(0.2)  # timers of the same loop: what is due by then has been done
        assert (await ask(client, server)).body == b"{}"
    assert server.connections == 3
