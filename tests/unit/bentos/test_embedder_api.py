import asyncio
from collections.abc import AsyncIterator, Sequence

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from bentos.embedder.embed_endpoint import EmbedEndpoint
from bentos.embedder.runtime import EmbedderVersion, Loaded, Runtime
from bentos.embedder.settings import read_embedder_settings
from bentos.web.batcher import OverloadedError
from bentos.web.endpoints import Endpoint, create_api
from bentos.web.service_token import ServiceToken
from bentos.web.settings import SettingsError


async def embed(texts: Sequence[str]) -> list[NDArray[np.float32]]:
    if "too much" in texts:
        raise OverloadedError
    return [np.array([len(text), 0.5], dtype=np.float32) for text in texts]


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    runtime = Runtime()

    async def close() -> None:
        await asyncio.sleep(0)

    async def load() -> Loaded:
        return Loaded(EmbedderVersion("mini", "0" * 16, 2), embed, close)

    runtime.begin(load)
    await asyncio.sleep(0)
    assert await runtime.is_ready()
    api = create_api(
        [Endpoint("/embed", "POST", EmbedEndpoint(runtime.get), 5)], ServiceToken("t"), lambda *_: None
    )
    transport = httpx.ASGITransport(api)
    async with httpx.AsyncClient(
        transport=transport, base_url="http://bento", headers={"Authorization": "Bearer t"}
    ) as made:
        yield made
    await runtime.close()


async def test_each_text_gets_its_embedding_in_order(client: httpx.AsyncClient) -> None:
    answer = await client.post("/embed", json={"texts": ["abc", "é", "abcde"]})
    assert answer.json() == {
        "model": {"name": "mini", "version": "0" * 16, "size": 2},
        "embeddings": [[3.0, 0.5], [1.0, 0.5], [5.0, 0.5]],
    }


@pytest.mark.parametrize("texts", [[], [""], ["x"] * 257, ["x" * 8193], [3], "x"])
async def test_what_cannot_be_embedded_is_refused(client: httpx.AsyncClient, texts: object) -> None:
    assert (await client.post("/embed", json={"texts": texts})).status_code == 400


async def test_more_than_may_wait_is_503_and_strangers_are_401(client: httpx.AsyncClient) -> None:
    assert (await client.post("/embed", json={"texts": ["too much"]})).status_code == 503
    client.headers["Authorization"] = "Bearer other"
    assert (await client.post("/embed", json={"texts": ["x"]})).status_code == 401


def test_without_a_token_nobody_is_served() -> None:
    with pytest.raises(SettingsError, match="EMBEDDER_SERVICE_TOKEN"):
        read_embedder_settings({})
    assert read_embedder_settings({"EMBEDDER_ALLOW_ANONYMOUS": "true"}).batch_rows == 32
