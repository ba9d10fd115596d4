"""The OpenAPI document and its page, which needs nothing from outside."""

import inspect
from pathlib import Path
from typing import Any

import litestar_offline_docs
import msgspec
from litestar import Router
from litestar.openapi import OpenAPIConfig
from litestar.openapi.plugins import SwaggerRenderPlugin
from litestar.openapi.spec import Components, Contact, License, Schema, SecurityScheme
from litestar.plugins import OpenAPISchemaPlugin
from litestar.static_files import create_static_files_router
from litestar.typing import FieldDefinition

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


class ExactStructs(OpenAPISchemaPlugin):
    """Describes a Struct by what msgspec checks; Litestar leaves out limits of items and closed bodies."""

    def is_plugin_supported_field(self, field_definition: FieldDefinition) -> bool:
        """Tell whether the field is a Struct."""
        return not field_definition.is_union and field_definition.is_subclass_of(msgspec.Struct)

    def to_openapi_schema(self, field_definition: FieldDefinition, schema_creator: Any) -> Schema:  # noqa: ANN401 - its type is Litestar's own affair
        """Let Litestar name the Struct and those in it, then put in msgspec's description."""
        litestars = next(
            plugin
            for plugin in schema_creator.plugins
            if plugin is not self and schema_creator.plugin_supports_field(plugin, field_definition)
        )
        schema: Schema = litestars.to_openapi_schema(field_definition, schema_creator)
        struct: type[msgspec.Struct] = field_definition.annotation
        _, components = msgspec.json.schema_components(
            [struct], schema_hook=_any_value, ref_template="#/components/schemas/{name}"
        )
        exact = components[struct.__name__]
        schema.description = inspect.cleandoc(exact.get("description", ""))
        schema.properties = exact["properties"]
        schema.required = exact.get("required")
        schema.additional_properties = exact.get("additionalProperties")
        return schema


def _any_value(kind: type) -> dict[str, object]:
    if kind is object:
        return {"description": "any JSON value"}
    raise NotImplementedError


def docs_assets() -> Router:
    """Serve the page's script and style from the package that carries them."""
    return create_static_files_router(
        path=_ASSETS,
        directories=[Path(litestar_offline_docs.__file__).parent / "static"],
        include_in_schema=False,
    )
