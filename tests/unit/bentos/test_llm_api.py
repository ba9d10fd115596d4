import asyncio
import json
import logging
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from bentos.llm.domain.engine import EngineUnavailableError
from bentos.llm.runtime import Loaded, Runtime
from pipelines.lib.scoring.model_input_error import ModelInputError
from tests.unit.bentos.conftest import LABELS, VERSION, FakeEngine

Client = Callable[..., httpx.AsyncClient]
WHO = {"role": "user", "content": "who"}


async def test_each_item_gets_three_distributions_over_the_labels_in_its_order(
    runtime: Runtime, client_of: Client
) -> None:
    async with client_of(runtime) as client:
        items = [{"vendor": "acme", "label": "x" * 5}, {"vendor": None, "label": "y" * 2}, {"label": "z"}]
        answer = (await client.post("/map", json={"items": items})).json()
    assert answer["labels"] == list(LABELS)
    assert answer["model"]["version"] == VERSION.version
    assert answer["model"]["threshold"] == 0.8
    assert len(answer["items"]) == 3
    for item in answer["items"]:
        assert item.pop("tokens") == 2
        assert set(item) == {"combined", "model", "head"}
        assert all(abs(sum(numbers) - 1) < 1e-6 for numbers in item.values())
    assert answer["items"][0]["model"].index(max(answer["items"][0]["model"])) == 1
    assert answer["items"][0]["head"][2] > 0.9
    assert answer["items"][0]["combined"] != answer["items"][0]["model"]


async def test_as_many_items_as_are_promised_are_answered(runtime: Runtime, client_of: Client) -> None:
    async with client_of(runtime) as client:
        items = [{"vendor": None, "label": f"label {number}"} for number in range(256)]
        answer = await client.post("/map", json={"items": items})
        one_more = await client.post("/map", json={"items": [*items, items[0]]})
    assert len(answer.json()["items"]) == 256
    assert one_more.status_code == 400


@pytest.mark.parametrize(
    ("body", "names"),
    [
        ({}, "items"),
        ({"items": []}, "items"),
        ({"items": [{"vendor": None, "label": ""}]}, "items[0].label"),
        ({"items": [{"vendor": None, "label": "x" * 201}]}, "items[0].label"),
        ({"items": [{"vendor": 3, "label": "x"}]}, "items[0].vendor"),
        ({"items": [{"label": "x", "secretive": "S3CRET"}]}, "items[0]"),
    ],
)
async def test_a_body_of_another_shape_is_refused_by_field_and_never_quoted(
    runtime: Runtime, client_of: Client, body: Any, names: str
) -> None:
    async with client_of(runtime) as client:
        answer = await client.post("/map", json=body)
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["error_code"] == "INVALID_REQUEST"
    assert problem["retryable"] is False
    assert names in problem["detail"]
    assert "S3CRET" not in answer.text
    assert "secretive" not in answer.text


async def test_a_body_that_is_no_json_is_refused_as_what_it_is(runtime: Runtime, client_of: Client) -> None:
    async with client_of(runtime) as client:
        as_json = {"content-type": "application/json"}
        assert (await client.post("/map", content=b"{", headers=as_json)).status_code == 400
        assert (await client.post("/map", content=b'"\xff"', headers=as_json)).status_code == 400
        assert (await client.post("/map", content=b"[" * 100_000, headers=as_json)).status_code == 400
        assert (await client.post("/map", content=b"{}")).status_code == 415
        large = await client.post("/map", content=b" " * ((1 << 20) + 1), headers=as_json)
        assert (large.status_code, large.json()["error_code"]) == (413, "PAYLOAD_TOO_LARGE")


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", "Basic token-of-the-test", "Bearer \u00e9"]
)
async def test_without_the_token_nothing_is_told(
    runtime: Runtime, client_of: Client, header: str | None
) -> None:
    async with client_of(runtime) as client:
        client.headers.pop("authorization")
        headers = {} if header is None else {b"Authorization": header.encode("latin-1")}
        for method, path in (
            ("POST", "/map"),
            ("POST", "/generate"),
            ("GET", "/version"),
            ("GET", "/nothing"),
        ):
            answer = await client.request(method, path, headers=headers)
            assert answer.status_code == 401
            assert answer.headers["www-authenticate"].startswith("Bearer")
            assert answer.json()["error_code"] == "UNAUTHORIZED"


async def test_who_was_let_in_without_a_token_on_purpose_is_let_in(
    runtime: Runtime, client_of: Client
) -> None:
    async with client_of(runtime, token="") as client:
        client.headers.pop("authorization")
        assert (await client.get("/version")).status_code == 200


async def test_every_answer_has_the_correlation_id_of_its_request(
    runtime: Runtime, client_of: Client
) -> None:
    async with client_of(runtime) as client:
        given = await client.get("/version", headers={"X-Correlation-ID": "from-the-caller"})
        made = await client.get("/nothing")
        odd = await client.get("/version", headers={"X-Correlation-ID": "a b\tc"})
    assert given.headers["x-correlation-id"] == "from-the-caller"
    assert len(made.headers["x-correlation-id"]) == 36
    assert len(odd.headers["x-correlation-id"]) == 36


async def test_other_paths_and_methods_are_problems_too(runtime: Runtime, client_of: Client) -> None:
    async with client_of(runtime) as client:
        assert (await client.get("/nothing")).json()["error_code"] == "NOT_FOUND"
        assert (await client.get("/map")).json()["error_code"] == "METHOD_NOT_ALLOWED"
        assert (await client.post("/version")).json()["error_code"] == "METHOD_NOT_ALLOWED"


async def test_an_engine_that_is_gone_is_503_and_not_ready(
    runtime: Runtime, client_of: Client, engine: FakeEngine
) -> None:
    assert await runtime.is_ready()
    engine.fault = EngineUnavailableError("it is gone")
    async with client_of(runtime) as client:
        answer = await client.post("/map", json={"items": [{"label": "x"}]})
    assert answer.status_code == 503
    assert answer.json()["error_code"] == "SERVICE_UNAVAILABLE"
    assert answer.json()["retryable"] is True
    assert answer.headers["retry-after"] == "1"
    assert not await runtime.is_ready()


async def test_an_unforeseen_error_is_500_and_its_words_are_not_logged(
    runtime: Runtime, client_of: Client, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    engine.fault = KeyError("what the caller sent")
    with caplog.at_level(logging.DEBUG):
        async with client_of(runtime) as client:
            answer = await client.post("/map", json={"items": [{"label": "x"}]})
    assert (answer.status_code, answer.json()["error_code"]) == (500, "INTERNAL_ERROR")
    assert "KeyError" in caplog.text
    assert "what the caller sent" not in caplog.text + answer.text


async def test_more_than_may_wait_is_503(runtime: Runtime, client_of: Client) -> None:
    items = {"items": [{"label": f"label {number}"} for number in range(256)]}
    async with client_of(runtime) as client:
        answers = await asyncio.gather(*(client.post("/map", json=items) for _ in range(2)))
    assert sorted(answer.status_code for answer in answers) == [200, 503]


async def test_a_conversation_is_gone_on_with_under_its_schema(
    runtime: Runtime, client_of: Client, engine: FakeEngine
) -> None:
    async with client_of(runtime) as client:
        body = {"messages": [WHO], "schema": {"type": "object"}, "max_tokens": 9}
        answer = (await client.post("/generate", json=body)).json()
    assert engine.asked == [("who", {"type": "object"}, 9)]
    assert (answer["text"], answer["prompt_tokens"], answer["completion_tokens"]) == ("{}", 7, 2)
    assert answer["model"]["name"] == "tiny"


@pytest.mark.parametrize(
    "body",
    [
        {"messages": [], "max_tokens": 9},
        {"messages": [{"role": "wizard", "content": "x"}], "max_tokens": 9},
        {"messages": [WHO], "max_tokens": 0},
        {"messages": [WHO], "max_tokens": 101},
        {"messages": [WHO], "max_tokens": 9, "schema": {"type": "impossible"}},
        {"messages": [WHO], "max_tokens": 9, "schema": "no object"},
    ],
)
async def test_a_generation_that_cannot_be_is_refused(
    runtime: Runtime, client_of: Client, body: dict[str, Any]
) -> None:
    async with client_of(runtime) as client:
        answer = await client.post("/generate", json=body)
    assert (answer.status_code, answer.json()["error_code"]) == (400, "INVALID_REQUEST")


async def test_writing_does_not_keep_labels_waiting_and_has_a_limit_of_its_own(
    runtime: Runtime, client_of: Client, engine: FakeEngine
) -> None:
    engine.writing.clear()
    body = {"messages": [WHO], "max_tokens": 9}
    async with client_of(runtime) as client:
        writing = [asyncio.create_task(client.post("/generate", json=body)) for _ in range(2)]
        await engine.two_asked.wait()
        third = await client.post("/generate", json=body)
        mapped = await client.post("/map", json={"items": [{"label": "x"}]})
        engine.writing.set()
        written = await asyncio.gather(*writing)
        again = await client.post("/generate", json=body)
    assert third.status_code == 503
    assert mapped.status_code == 200
    assert [answer.status_code for answer in (*written, again)] == [200, 200, 200]


async def test_what_takes_too_long_is_408(runtime: Runtime, client_of: Client, engine: FakeEngine) -> None:
    engine.writing.clear()
    async with client_of(runtime, seconds=0.05) as client:
        answer = await client.post("/generate", json={"messages": [WHO], "max_tokens": 9})
    assert (answer.status_code, answer.json()["error_code"]) == (408, "REQUEST_TIMEOUT")


async def test_while_it_loads_callers_are_told_so_at_once(client_of: Client) -> None:
    runtime, never = Runtime(), asyncio.Event()

    async def load() -> Loaded:
        await never.wait()
        raise AssertionError

    runtime.begin(load)
    async with client_of(runtime) as client:
        answer = await client.get("/version")
    assert (answer.status_code, answer.json()["retryable"]) == (503, True)
    assert not await runtime.is_ready()
    assert not runtime.failed
    await runtime.close()


async def test_what_is_missing_is_said_once_and_it_never_answers(
    client_of: Client, caplog: pytest.LogCaptureFixture
) -> None:
    runtime = Runtime()

    async def load() -> Loaded:
        raise ModelInputError("the weights are missing: the package llm-none is not installed")

    with caplog.at_level(logging.ERROR):
        runtime.begin(load)
        await asyncio.sleep(0)
    async with client_of(runtime) as client:
        answer = await client.post("/map", json={"items": [{"label": "x"}]})
    assert (answer.status_code, answer.json()["retryable"]) == (503, False)
    assert runtime.failed
    assert caplog.text.count("the package llm-none is not installed") == 1
    assert not await runtime.is_ready()


async def test_the_version_is_the_contract_field_by_field(runtime: Runtime, client_of: Client) -> None:
    async with client_of(runtime) as client:
        answer = json.loads((await client.get("/version")).content)
    assert list(answer) == [
        "name",
        "version",
        "adapter",
        "base",
        "taxonomy",
        "label_tokens",
        "calibrator",
        "threshold",
        "engine",
    ]
