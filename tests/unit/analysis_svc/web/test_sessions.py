"""A session's key can be read with the browser's secret and with nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any, cast

import pytest
from redis.exceptions import ConnectionError as GoneError

from analysis_svc.adapters.web_sessions import LIFETIME, ValkeySessions
from analysis_svc.domain.errors import ServiceError

KEY = "eyJ.made.up"
NOW = datetime(2026, 11, 3, 12, tzinfo=UTC)


class Shelf:
    """A Valkey that only keeps texts."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.lifetimes: list[timedelta] = []

    async def set(self, name: str, value: str, *, ex: timedelta) -> None:
        self.kept[name] = value
        self.lifetimes.append(ex)

    async def get(self, name: str) -> str | None:
        return self.kept.get(name)

    async def delete(self, name: str) -> None:
        self.kept.pop(name, None)


class Gone:
    """A Valkey that is away."""

    def __getattr__(self, name: str) -> Any:
        async def fail(*_: object, **__: object) -> None:
            raise GoneError

        return fail


def sessions(shelf: object, now: datetime = NOW) -> ValkeySessions:
    return ValkeySessions(cast("Any", shelf), now=lambda: now)


async def test_session_is_read_back_with_its_secret() -> None:
    shelf = Shelf()
    secret, opened = await sessions(shelf).open(KEY)
    assert await sessions(shelf).get(secret) == opened
    assert opened.token == KEY
    assert opened.ends_at - opened.opened_at == LIFETIME == timedelta(minutes=30)
    assert shelf.lifetimes == [LIFETIME]


async def test_neither_key_nor_secret_is_readable_where_the_session_lies() -> None:
    shelf = Shelf()
    secret, _ = await sessions(shelf).open(KEY)
    ((place, kept),) = shelf.kept.items()
    assert KEY.encode().hex() not in kept
    for hidden in (KEY, secret):
        assert hidden not in place + kept


async def test_session_ends_after_half_an_hour_even_where_valkey_forgets_to() -> None:
    shelf = Shelf()
    secret, _ = await sessions(shelf).open(KEY)
    assert await sessions(shelf, NOW + LIFETIME - timedelta(seconds=1)).get(secret)
    assert await sessions(shelf, NOW + LIFETIME).get(secret) is None


async def test_closed_session_opens_nothing() -> None:
    shelf = Shelf()
    secret, _ = await sessions(shelf).open(KEY)
    await sessions(shelf).close(secret)
    assert await sessions(shelf).get(secret) is None
    assert shelf.kept == {}


async def test_ciphertext_of_another_session_is_no_session() -> None:
    shelf = Shelf()
    mine, _ = await sessions(shelf).open(KEY)
    other, _ = await sessions(shelf).open("eyJ.of.another")
    places = list(shelf.kept)
    shelf.kept[places[0]] = shelf.kept[places[1]]
    assert await sessions(shelf).get(mine) is None
    assert await sessions(shelf).get(other)


@pytest.mark.parametrize("kept", ["", "zz", "00" * 40, "00"])
async def test_garbage_where_a_session_should_be_is_no_session(kept: str) -> None:
    shelf = Shelf()
    secret, _ = await sessions(shelf).open(KEY)
    shelf.kept = dict.fromkeys(shelf.kept, kept)
    assert await sessions(shelf).get(secret) is None


@pytest.mark.parametrize("secret", ["", "x", "é" * 43, "a" * 5000])
async def test_implausible_secret_is_not_looked_up(secret: str) -> None:
    assert await sessions(Gone()).get(secret) is None


async def test_without_valkey_nobody_is_let_in() -> None:
    with pytest.raises(ServiceError, match="SERVICE_UNAVAILABLE"):
        await sessions(Gone()).open(KEY)
    with pytest.raises(ServiceError, match="SERVICE_UNAVAILABLE"):
        await sessions(Gone()).get("a" * 43)
