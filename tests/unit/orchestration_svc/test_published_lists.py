"""The two lists this service publishes, keys and revocations, as mapper_svc and analysis_svc read them."""

import json
from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any

import httpx
import pytest

from tests.unit.orchestration_svc.test_token_verifier import KEY, KID, b64

GARBAGE = [
    httpx.Response(500),
    httpx.Response(404),
    httpx.Response(200, content=b""),
    httpx.Response(200, content=b"<html>"),
    httpx.Response(200, content=b'{"revoked": ["\xff"], "keys": ["\xff"]}'),
    httpx.Response(200, json=[]),
    httpx.Response(200, json=None),
    httpx.Response(200, json={}),
    httpx.Response(200, json={"keys": [], "revoked": None}),
    httpx.Response(200, json={"keys": [1], "revoked": [1]}),
    httpx.Response(200, json={"keys": 7, "revoked": "all"}),
    httpx.Response(200, json={"keys": [{"kty": "OKP"}], "revoked": {}}),
]
JWKS = {
    "keys": [
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "use": "sig",
            "alg": "EdDSA",
            "kid": KID,
            "x": b64(KEY.public_key().public_bytes_raw()),
        }
    ]
}


class Issuer:
    """orchestration_svc, as it answers or does not."""

    def __init__(self) -> None:
        self.answer: httpx.Response | Exception = httpx.ConnectError("away")
        self.asked = 0

    def __call__(self, _: httpx.Request) -> httpx.Response:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.seconds = 1_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture(params=["mapper_svc", "analysis_svc"])
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def issuer() -> Issuer:
    return Issuer()


@pytest.fixture
async def client(issuer: Issuer) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.MockTransport(issuer)) as opened:
        yield opened


def revocations(service: str, client: httpx.AsyncClient, clock: Clock) -> Any:
    """Of the service, with a Valkey that is away."""
    valkey = import_module(f"{service}.adapters.valkey").make_valkey("redis://127.0.0.1:9/0", timeout_ms=50)
    adapter = import_module(f"{service}.adapters.revocations")
    return adapter.Revocations(valkey, client, "http://issuer", monotonic=clock)


def unavailable(service: str) -> type[Exception]:
    error: type[Exception] = import_module(f"{service}.adapters.revocations").RevocationsUnavailableError
    return error


async def test_list_is_read_from_the_issuer_when_valkey_is_away(
    service: str, issuer: Issuer, client: httpx.AsyncClient
) -> None:
    issuer.answer = httpx.Response(200, json={"revoked": ["gone"]})
    known = revocations(service, client, Clock())
    assert [await known.is_revoked(one) for one in ("gone", "other", "another")] == [True, False, False]
    assert issuer.asked == 1


async def test_last_known_list_serves_for_five_minutes_and_then_nobody_passes(
    service: str, issuer: Issuer, client: httpx.AsyncClient
) -> None:
    clock = Clock()
    known = revocations(service, client, clock)
    issuer.answer = httpx.Response(200, json={"revoked": ["gone"]})
    assert not await known.is_revoked("other")
    issuer.answer = httpx.ConnectError("away")
    clock.seconds += 299
    assert await known.is_revoked("gone")
    assert not await known.is_revoked("other")
    clock.seconds += 2
    with pytest.raises(unavailable(service)):
        await known.is_revoked("other")
    issuer.answer = httpx.Response(200, json={"revoked": ["other"]})
    clock.seconds += 2
    assert await known.is_revoked("other")


@pytest.mark.parametrize("answer", GARBAGE, ids=range(len(GARBAGE)))
async def test_garbage_is_no_list_of_revocations(
    service: str, issuer: Issuer, client: httpx.AsyncClient, answer: httpx.Response
) -> None:
    issuer.answer = answer
    with pytest.raises(unavailable(service)):
        await revocations(service, client, Clock()).is_revoked("any")


@pytest.mark.parametrize("answer", [*GARBAGE, httpx.ConnectError("away")], ids=range(len(GARBAGE) + 1))
async def test_garbage_is_no_key_set(
    service: str, issuer: Issuer, client: httpx.AsyncClient, answer: httpx.Response | Exception
) -> None:
    issuer.answer = answer
    adapter = import_module(f"{service}.adapters.signing_keys")
    with pytest.raises(adapter.SigningKeysUnavailableError):
        await adapter.RemoteSigningKeys(client, "http://issuer").get(KID)


async def test_known_key_outlives_an_issuer_that_is_away(
    service: str, issuer: Issuer, client: httpx.AsyncClient
) -> None:
    keys = import_module(f"{service}.adapters.signing_keys").RemoteSigningKeys(client, "http://issuer")
    issuer.answer = httpx.Response(200, content=json.dumps(JWKS))
    assert (await keys.get(KID)).key_id == KID
    issuer.answer = httpx.ConnectError("away")
    assert (await keys.get(KID)).key_id == KID
    assert await keys.get("unknown") is None


async def test_flood_of_unknown_kids_is_no_flood_of_calls(
    service: str, issuer: Issuer, client: httpx.AsyncClient
) -> None:
    keys = import_module(f"{service}.adapters.signing_keys").RemoteSigningKeys(client, "http://issuer")
    issuer.answer = httpx.Response(200, content=json.dumps(JWKS))
    for number in range(50):
        assert await keys.get(f"made-up-{number}") is None
    assert issuer.asked == 1
