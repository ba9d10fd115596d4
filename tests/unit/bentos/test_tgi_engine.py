"""Shapes as TGI's own tests record them; no server of it was run."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx

from bentos.llm.adapters.tgi_engine import TgiEngine, tgi_client
from bentos.llm.domain.engine import EngineUnavailableError, RefusedPromptError

URL = "http://tgi.test"
LABEL_IDS = (6377, 29888, 12935)


class Letters:
    """A tokenizer whose tokens are characters; 0 is the special one in front."""

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        return [*([0] if add_special_tokens else []), *map(ord, text)]

    def decode(self, token_ids: Sequence[int], *, skip_special_tokens: bool) -> str:
        return "".join(chr(token) for token in token_ids if token or not skip_special_tokens)

    def get_vocab(self) -> dict[str, int]:
        return {}

    def apply_chat_template(
        self, conversation: Sequence[dict[str, str]], *, tokenize: bool, add_generation_prompt: bool
    ) -> str:
        raise NotImplementedError

    def save_pretrained(self, save_directory: Path) -> object:
        raise NotImplementedError


def engine(adapter: str = "mapper") -> TgiEngine:
    return TgiEngine(
        tgi_client(URL, "secret"), tokenizer=Letters(), label_ids=LABEL_IDS, top_tokens=200, adapter=adapter
    )


def recorded(top_tokens: list[list[dict[str, Any]]] | None, tokens: int = 1) -> dict[str, Any]:
    token = {"id": 6377, "logprob": -0.14916992, "special": False, "text": '{"'}
    details = {
        "best_of_sequences": None,
        "finish_reason": "length",
        "generated_tokens": tokens,
        "prefill": [],
        "seed": None,
        "tokens": [token] * tokens,
        "top_tokens": top_tokens,
    }
    return {"details": details, "generated_text": '{"'}


TOP = [
    [
        {"id": 6377, "logprob": -0.14916992, "special": False, "text": '{"'},
        {"id": 4, "logprob": -2.5, "special": False, "text": "x"},
        {"id": 12935, "logprob": -3.75, "special": False, "text": "irs"},
    ]
]


@respx.mock
async def test_the_labels_are_picked_out_of_the_listed_tokens() -> None:
    route = respx.post(f"{URL}/generate").respond(json=recorded(TOP))
    found = await engine().label_logits([(0, 104, 105), (0, 106)])
    assert found.shape == (2, 3)
    assert found[0].tolist() == pytest.approx([-0.14916992, -3.75, -3.75])
    sent = [json.loads(call.request.content) for call in route.calls]
    assert sorted(one["inputs"] for one in sent) == ["hi", "j"]
    assert sent[0]["parameters"] == {
        "details": True,
        "do_sample": False,
        "max_new_tokens": 1,
        "top_n_tokens": 200,
        "adapter_id": "mapper",
    }
    assert route.calls[0].request.headers["authorization"] == "Bearer secret"


@respx.mock
async def test_the_base_writes_under_a_schema_without_the_adapter() -> None:
    route = respx.post(f"{URL}/generate").respond(json=recorded(None, tokens=30))
    found = await engine().generate("ask", schema={"type": "object"}, max_tokens=40)
    assert (found.text, found.prompt_tokens, found.completion_tokens) == ('{"', 3, 30)
    assert json.loads(route.calls[0].request.content) == {
        "inputs": "ask",
        "parameters": {
            "details": True,
            "do_sample": False,
            "max_new_tokens": 40,
            "grammar": {"type": "json", "value": {"type": "object"}},
        },
    }


async def test_a_server_with_the_adapter_merged_does_not_write() -> None:
    with pytest.raises(EngineUnavailableError, match="merged") as raised:
        await engine(adapter="").generate("ask", schema=None, max_tokens=4)
    assert raised.value.retryable is False


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        (422, {"error": "Input validation error", "error_type": "validation"}, RefusedPromptError),
        (429, {"error": "Model is overloaded", "error_type": "overloaded"}, EngineUnavailableError),
        (424, {"error": "Request failed", "error_type": "generation"}, EngineUnavailableError),
        (200, {"generated_text": "x"}, EngineUnavailableError),
    ],
)
@respx.mock
async def test_its_errors_are_ours(status: int, body: dict[str, str], error: type[Exception]) -> None:
    respx.post(f"{URL}/generate").respond(status, json=body)
    with pytest.raises(error):
        await engine().generate("ask", schema=None, max_tokens=4)


@respx.mock
async def test_a_server_that_lists_no_tokens_is_told_apart() -> None:
    respx.post(f"{URL}/generate").respond(json=recorded(None))
    with pytest.raises(ExceptionGroup) as raised:
        await engine().label_logits([(1, 2)])
    assert raised.group_contains(EngineUnavailableError, match="max-top-n-tokens")


@respx.mock
async def test_readiness_asks_the_server() -> None:
    health = respx.get(f"{URL}/health").respond(200)
    await engine().check()
    health.respond(503)
    with pytest.raises(EngineUnavailableError, match="503"):
        await engine().check()
    health.side_effect = httpx.ConnectError("no")
    with pytest.raises(EngineUnavailableError, match="ConnectError"):
        await engine().check()
