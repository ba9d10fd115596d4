"""The BentoML service `embedder`: `bentoml serve bentos.embedder.service:Embedder`."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import bentoml

from bentos.embedder.embed_endpoint import EmbedEndpoint
from bentos.embedder.metrics import observe_request
from bentos.embedder.runtime import Loaded, Runtime
from bentos.embedder.settings import PREFIX, Settings, read_embedder_settings
from bentos.web.container_image import container_image
from bentos.web.correlation import CorrelationMiddleware
from bentos.web.endpoints import Endpoint, create_api
from bentos.web.service_token import ServiceToken
from bentos.web.settings import SettingsError, read_settings

# Checked when it serves; a Bento is built without a token.
settings = read_settings(os.environ, PREFIX, Settings)
runtime = Runtime()
api = create_api(
    [Endpoint("/embed", "POST", EmbedEndpoint(runtime.get), settings.seconds)],
    ServiceToken(settings.service_token),
    observe_request,
)
_BENTOML_SECONDS = 900
"""BentoML's own limit, whose answer is not of the contract; ours is below it."""


async def _load(checked: Settings) -> Loaded:
    def import_it() -> Callable[[Settings], Awaitable[Loaded]]:
        # Not above: it imports torch, which a build and BentoML's parent process do not need.
        from bentos.embedder.embedding import load  # noqa: PLC0415

        return load

    load = await asyncio.to_thread(import_it)
    return await load(checked)


@bentoml.asgi_app(api, path="/v1")
@bentoml.service(
    name="embedder",
    http={"host": "127.0.0.1", "port": 8091},
    image=container_image(Path(__file__).parents[2]),
    workers=1,
    traffic={"timeout": _BENTOML_SECONDS},
)
class Embedder:
    """Gives texts embeddings of MiniLM-L6-v2."""

    @bentoml.on_startup
    async def start(self) -> None:
        """Begins to load; /readyz says when it is done."""
        try:
            checked = read_embedder_settings(os.environ)
        except SettingsError as error:
            runtime.fail(str(error))
            return
        runtime.begin(lambda: _load(checked))

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Frees the weights."""
        await runtime.close()

    async def __is_ready__(self) -> bool:
        return await runtime.is_ready()

    async def __is_alive__(self) -> bool:
        return not runtime.failed


Embedder.add_asgi_middleware(CorrelationMiddleware)  # type: ignore[attr-defined] # it is a service by now
