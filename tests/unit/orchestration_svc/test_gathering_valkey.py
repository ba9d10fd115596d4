"""Questions to Valkey: each gets its own answer, whatever becomes of the connection and of whoever asked."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from redis.asyncio import Redis
from redis.exceptions import DataError, RedisError, ResponseError

from orchestration_svc.adapters.valkey import make_valkey

Answers = Callable[[list[str], asyncio.StreamWriter], Awaitable[bytes]]


async def _command(reader: asyncio.StreamReader) -> list[str]:
    parts = []
    for _ in range(int((await reader.readuntil(b"\r\n"))[1:])):
        length = int((await reader.readuntil(b"\r\n"))[1:])
        parts.append((await reader.readexactly(length + 2))[:-2].decode())
    return parts


@asynccontextmanager
async def _serving(
    answer: Answers, *, timeout_ms: int = 5_000, greets: asyncio.Event | None = None
) -> AsyncIterator[Redis]:
    """A server that shakes hands as an old Redis does, and then answers as it is told."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                command = await _command(reader)
                greeting = command[0] in ("HELLO", "CLIENT")
                if greeting and greets is not None:
                    await greets.wait()
                writer.write(b"-ERR unknown command\r\n" if greeting else await answer(command, writer))
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    client = make_valkey(f"redis://127.0.0.1:{port}/0?protocol=2", timeout_ms=timeout_ms)
    try:
        yield client
    finally:
        await client.aclose()
        server.close()


async def _echo(command: list[str], _: asyncio.StreamWriter) -> bytes:
    return f"+{command[-1]}\r\n".encode()


async def test_each_of_many_at_once_gets_its_own_answer() -> None:
    async with _serving(_echo) as client:
        answers = await asyncio.gather(*(client.get(f"key {number}") for number in range(300)))
    assert answers == [f"key {number}" for number in range(300)]


async def test_what_is_refused_fails_only_whoever_asked_it() -> None:
    async def picky(command: list[str], _: asyncio.StreamWriter) -> bytes:
        return b"-WRONGTYPE no\r\n" if command[-1] == "bad" else b"+good\r\n"

    async with _serving(picky) as client:
        answers = await asyncio.gather(*map(client.get, ["a", "bad", "b"]), return_exceptions=True)
    assert (answers[0], answers[2]) == ("good", "good")
    assert isinstance(answers[1], ResponseError)


async def test_what_cannot_be_written_fails_only_whoever_asked_it() -> None:
    async with _serving(_echo) as client:
        one, other = await asyncio.gather(
            client.get("fine"),
            client.execute_command("GET", {"no": "key"}),  # type: ignore[no-untyped-call]
            return_exceptions=True,
        )
    assert one == "fine"
    assert isinstance(other, DataError)


async def test_who_stopped_waiting_leaves_no_answer_to_the_next() -> None:
    asked = asyncio.Event()
    may_answer = asyncio.Event()

    async def slow(command: list[str], _: asyncio.StreamWriter) -> bytes:
        asked.set()
        await may_answer.wait()
        return f"+{command[-1]}\r\n".encode()

    async with _serving(slow) as client:
        impatient = asyncio.ensure_future(client.get("secret"))
        await asked.wait()
        impatient.cancel()
        next_one = asyncio.ensure_future(client.get("mine"))
        await asyncio.sleep(0)
        may_answer.set()
        assert await next_one == "mine"


async def test_an_answer_that_comes_too_late_is_not_the_next_ones() -> None:
    late = asyncio.Event()

    async def dawdling(command: list[str], _: asyncio.StreamWriter) -> bytes:
        if command[-1] == "slow":
            await late.wait()
        return f"+{command[-1]}\r\n".encode()

    async with _serving(dawdling, timeout_ms=50) as client:
        with pytest.raises((RedisError, TimeoutError)):
            await client.get("slow")
        late.set()
        assert await client.get("quick") == "quick"


async def test_a_connection_that_ended_meanwhile_is_made_anew() -> None:
    async def once(command: list[str], writer: asyncio.StreamWriter) -> bytes:
        if command[-1] == "last":
            writer.write(b"+last\r\n")
            writer.close()
            return b""
        return await _echo(command, writer)

    async with _serving(once) as client:
        assert await client.get("last") == "last"
        await _until_it_shows(client)
        assert await client.get("again") == "again"


async def _until_it_shows(client: Redis) -> None:
    kept = client._kept  # type: ignore[attr-defined]
    while not await kept.can_read():  # noqa: ASYNC110 - nothing tells of it
        await asyncio.sleep(0.001)


async def test_what_nobody_asked_is_no_answer() -> None:
    async def talkative(command: list[str], writer: asyncio.StreamWriter) -> bytes:
        if command[-1] == "first":
            asyncio.get_running_loop().call_later(0.001, writer.write, b"+forged\r\n")
        return await _echo(command, writer)

    async with _serving(talkative) as client:
        assert await client.get("first") == "first"
        await _until_it_shows(client)
        assert await client.get("second") == "second"


async def test_an_answer_cut_short_is_an_error_of_all_who_wait_and_nothing_more() -> None:
    async def cut(command: list[str], writer: asyncio.StreamWriter) -> bytes:
        if command[-1] == "b":
            writer.write(b"$100\r\nhal")
            writer.close()
            return b""
        return await _echo(command, writer)

    async with _serving(cut) as client:
        answers = await asyncio.gather(*map(client.get, "abc"), return_exceptions=True)
        assert answers[0] == "a"
        assert all(isinstance(one, (RedisError, OSError)) for one in answers[1:])
        assert await client.get("d") == "d"


async def test_a_connection_that_takes_longer_than_a_question_may_comes_about_all_the_same() -> None:
    greets = asyncio.Event()
    async with _serving(_echo, timeout_ms=200, greets=greets) as client:
        first = client._kept  # type: ignore[attr-defined]
        with pytest.raises((RedisError, TimeoutError)):
            await client.get("early")
        coming = client._connecting  # type: ignore[attr-defined]
        assert coming is not None
        greets.set()
        await coming
        assert first.is_connected
        assert await client.get("later") == "later"
