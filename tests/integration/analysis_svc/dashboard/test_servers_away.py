"""With a server away the dashboard says so on a page, and a key leaves no trace anywhere."""

import re
from typing import Any, cast

import httpx
import msgspec
import pytest
import redis

from analysis_svc.app import create_app
from analysis_svc.settings import example_settings
from deploy.local import valkey
from tests.integration.analysis_svc.dashboard.conftest import OPERATOR, Dashboard, Keys
from tests.integration.analysis_svc.dashboard.test_sign_in import sign_in, token_on

KEY = f"3d6f0a52-0000-4000-8000-000000000000 {OPERATOR}"
MARK = "zq7canary"


def browser(**changes: Any) -> httpx.AsyncClient:
    settings = msgspec.structs.replace(example_settings(), metrics_port=0, **changes)
    transport = httpx.ASGITransport(app=cast("Any", create_app(settings, verifier=Keys())))
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1")


async def post_key(client: httpx.AsyncClient) -> httpx.Response:
    form = {"csrf_token": token_on(await client.get("/dashboard/sign-in")), "key": KEY}
    return await client.post("/dashboard/sign-in", data=form)


async def test_without_valkey_nobody_is_let_in_and_the_page_says_so() -> None:
    async with browser() as client:
        answer = await post_key(client)
        assert answer.status_code == 503
        assert "Sessions cannot be kept at the moment" in answer.text
        client.cookies.set("llama-mapper-session", "a" * 43)
        assert (await client.get("/dashboard")).status_code == 503


async def test_without_postgres_the_page_says_so_and_the_session_goes_on(valkey_server: valkey.Cache) -> None:
    url = valkey_server.url("analysis")
    async with browser(redis_url=url, redis_timeout_ms=2_000) as client:
        assert (await post_key(client)).status_code == 303
        answer = await client.get("/dashboard")
        assert answer.status_code == 503
        assert "The database does not answer" in answer.text
        assert "Sign out" in answer.text


def test_key_and_question_leave_no_trace(
    dashboard: Dashboard, valkey_server: valkey.Cache, capfd: pytest.CaptureFixture[str]
) -> None:
    key = dashboard.key(scopes=f"{OPERATOR} {MARK}")
    with httpx.Client(base_url=dashboard.url, timeout=60) as client:
        sign_in(client, key)
        form = {"csrf_token": token_on(client.get("/dashboard/search")), "question": f"what is {MARK}?"}
        answer = client.post("/dashboard/search", data=form)
        assert f"what is {MARK}?" in answer.text
        secret = client.cookies["llama-mapper-session"]
    said = "".join(capfd.readouterr())
    with redis.Redis.from_url(valkey_server.url(valkey.ADMIN), decode_responses=True) as onlooker:
        names = [name for name in onlooker.scan_iter("*") if onlooker.type(name) == "string"]
        kept = " ".join([*names, *(str(onlooker.get(name)) for name in names)])
    assert "web-session" in kept
    for place in (said, kept):
        for trace in (MARK, MARK.encode().hex(), key, secret):
            assert trace not in place
    assert re.search(r"route=/dashboard/search .*status=200", said), "it was logged, without its words"
