"""The BentoML service `llm`: the one type there is; its variants are build arguments.

bentoml serve bentos.llm.service:Llm --arg release=FOLDER
bentoml build -f bentos/llm/bentofile.yaml --arg release=FOLDER
"""

import asyncio
import os
from collections.abc import Awaitable, Callable

import bentoml

from bentos.llm.adapters import metrics
from bentos.llm.api.generate_endpoint import GenerateEndpoint
from bentos.llm.api.map_endpoint import MapEndpoint
from bentos.llm.api.version_endpoint import VersionEndpoint
from bentos.llm.runtime import Loaded, Runtime
from bentos.llm.settings import PREFIX, Settings, read_llm_settings
from bentos.llm.variant import ROOT, Variant
from bentos.web.container_image import container_image
from bentos.web.correlation import CorrelationMiddleware
from bentos.web.endpoints import Endpoint, create_api
from bentos.web.service_token import ServiceToken
from bentos.web.settings import SettingsError, read_settings

variant = bentoml.use_arguments(Variant)
# Checked when it serves; a Bento is built without a token.
settings = read_settings(os.environ, PREFIX, Settings)
runtime = Runtime()
token = ServiceToken(settings.service_token)

_BENTOML_SECONDS = 900
"""BentoML's own limit, whose answer is not of the contract; ours are below it."""
_QUICK_SECONDS = 5.0

api = create_api(
    [
        Endpoint("/map", "POST", MapEndpoint(runtime.get), settings.map_seconds),
        Endpoint("/generate", "POST", GenerateEndpoint(runtime.get), settings.generate_seconds),
        Endpoint("/version", "GET", VersionEndpoint(runtime.get), _QUICK_SECONDS),
    ],
    token,
    metrics.observe_request,
)


async def _load(chosen: Variant, checked: Settings) -> Loaded:
    def import_it() -> Callable[[Variant, Settings], Awaitable[Loaded]]:
        # Not above: it imports torch, which BentoML's parent process and a build do not need, and which takes
        # seconds that the loop of this one is not to be held up for.
        from bentos.llm.load import load  # noqa: PLC0415

        return load

    load = await asyncio.to_thread(import_it)
    return await load(chosen, checked)


@bentoml.asgi_app(api, path="/v1")
@bentoml.service(
    name="llm",
    http={"host": "127.0.0.1", "port": 8090},
    image=container_image(ROOT),
    # One process holds the weights; more of them are more Bentos.
    workers=1,
    traffic={"timeout": _BENTOML_SECONDS},
)
class Llm:
    """Tells which canonical labels raw ones may mean, and writes for the analyst."""

    @bentoml.on_startup
    async def start(self) -> None:
        """Begins to load; /readyz says when it is done."""
        try:
            checked = read_llm_settings(os.environ)
        except SettingsError as error:
            runtime.fail(str(error))
            return
        runtime.begin(lambda: _load(variant.overridden(checked), checked))

    @bentoml.on_shutdown
    async def stop(self) -> None:
        """Frees the engine."""
        await runtime.close()

    async def __is_ready__(self) -> bool:
        return await runtime.is_ready()

    async def __is_alive__(self) -> bool:
        return not runtime.failed


Llm.add_asgi_middleware(CorrelationMiddleware)  # type: ignore[attr-defined] # it is a service by now
