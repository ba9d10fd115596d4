"""The OpenAPI document and its page, which needs nothing from outside."""

from pathlib import Path

import litestar_offline_docs
from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, Contact, License, SecurityScheme
from litestar.static_files import create_static_files_router

_ASSETS = "/docs/assets"


def openapi_config(version: str) -> OpenAPIConfig:
    """Describe the API; the page is at /docs, the document at /docs/openapi.json."""
    return OpenAPIConfig(
        title="orchestration_svc",
        version=version,
        description=(
            "Runs the detectors, has what they say mapped and analysed, and answers for what is missing."
        ),
        license=License(name="Apache-2.0", identifier="Apache-2.0"),
        contact=Contact(name="llama-mapper maintainers"),
        path="/docs",
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(
                    type="http",
                    scheme="bearer",
                    bearer_format="JWT",
                    description="an API key or a short-lived token, issued by orchestration_svc",
                )
            }
        ),
        security=[{"bearer": []}],
        render_plugins=[
            SwaggerRenderPlugin(
                path="/",
                js_url=f"{_ASSETS}/swagger-ui-bundle.js",
                css_url=f"{_ASSETS}/swagger-ui.css",
                standalone_preset_js_url=f"{_ASSETS}/swagger-ui-standalone-preset.js",
                favicon='<link rel="icon" href="data:,">',
            )
        ],
    )


def docs_assets() -> Router:
    """Serve the page's script and style from the package that carries them."""
    return create_static_files_router(
        path=_ASSETS,
        directories=[Path(litestar_offline_docs.__file__).parent / "static"],
        include_in_schema=False,
    )
