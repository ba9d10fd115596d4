"""The service's settings: one frozen Struct, read once from the environment."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PREFIX = "ANALYSIS_"

# Up to the last @, for drivers take a password that holds any sign; and the same secret as a parameter.
_URL_PASSWORD = re.compile(r"(?<=://)([^:/@]*):(?:.*)@")
_URL_PARAMETER = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*", re.IGNORECASE)

Port = Annotated[int, Meta(ge=1, le=65535)]
Millis = Annotated[int, Meta(ge=1, le=600_000)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the environment variable."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set; each field is read from ``ANALYSIS_<FIELD>``."""

    database_url: Annotated[
        str,
        Meta(
            pattern=r"^postgresql\+psycopg://",
            description="Postgres DSN of the runtime role, postgresql+psycopg://…",
        ),
    ]
    redis_url: Annotated[
        str, Meta(pattern=r"^(rediss?|unix)://", description="Redis or Valkey URL, redis://…")
    ]
    orchestration_url: Annotated[
        str,
        Meta(
            pattern=r"^https?://",
            description="base URL of orchestration_svc, asked for signing keys and revocations",
        ),
    ]
    migration_database_url: Annotated[
        str, Meta(description="Postgres DSN of the migrator role; only the migrate command reads it")
    ] = ""
    runtime_role: Annotated[
        str, Meta(pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="role that migrations grant row access to")
    ] = "analysis_runtime"
    pipeline_role: Annotated[
        str,
        Meta(
            pattern=r"^([a-z_][a-z0-9_]{0,62})?$(?!\n)",
            description="role that migrations grant what retention and other pipelines need; empty for none",
        ),
    ] = "analysis_pipeline"
    host: Annotated[str, Meta(description="address to bind")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="port of the API")] = 8082
    metrics_host: Annotated[str, Meta(description="address /metrics binds to")] = "127.0.0.1"
    metrics_port: Annotated[int, Meta(ge=0, le=65535, description="port of /metrics; 0 switches it off")] = (
        9082
    )
    worker_metrics_port: Annotated[
        int, Meta(ge=0, le=65535, description="port of /metrics of a report worker; 0 switches it off")
    ] = 0
    worker_silent_s: Annotated[
        int,
        Meta(ge=1, le=600, description="a worker silent for so long is dead and its reports go to others, s"),
    ] = 15
    issuer: Annotated[str, Meta(min_length=1, description="iss that tokens must carry")] = "llama-mapper"
    database_pool_size: Annotated[int, Meta(ge=1, le=200, description="pooled Postgres connections")] = 10
    database_statement_timeout_ms: Annotated[
        Millis, Meta(description="after this a statement is cancelled")
    ] = 5_000
    redis_timeout_ms: Annotated[Millis, Meta(description="limit of one call to Redis or Valkey")] = 150
    http_timeout_ms: Annotated[Millis, Meta(description="limit of one call to orchestration_svc")] = 2_000
    max_body_bytes: Annotated[int, Meta(ge=1024, description="largest request body taken")] = 8 * 1024 * 1024
    taxonomy: Annotated[str, Meta(pattern=r"^\d{4}\.\d{2}$", description="taxonomy edition in use")] = (
        "2026.11"
    )
    plugin_timeout_ms: Annotated[Millis, Meta(description="limit of one engine for one request or batch")] = (
        100
    )
    disabled_plugins: Annotated[
        str, Meta(description="engines and models to leave out, separated by commas; they are not imported")
    ] = ""
    key_encryption_key: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z0-9_-]{43}=)?$(?!\n)",
            description="32 bytes, urlsafe base64: encrypts the keys that sign exports, and what is kept of "
            "an Idempotency-Key; empty: neither",
        ),
    ] = ""
    subject_key: Annotated[
        str,
        Meta(
            pattern=r"^([A-Za-z0-9_-]{43}=)?$(?!\n)",
            description="32 bytes as URL-safe base64, under which subjects are hashed; empty: none are kept. "
            "Whoever changes it can erase nobody who was hashed before",
        ),
    ] = ""
    analyst_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://.*)?$",
            description="base URL of the Bento whose model writes answers from quotes; empty: quotes alone",
        ),
    ] = ""
    analyst_token: Annotated[str, Meta(description="service token of that Bento")] = ""
    analyst_timeout_ms: Annotated[Millis, Meta(description="longest that an answer waits for that model")] = (
        8_000
    )
    index_catalogues: Annotated[
        bool, Meta(description="whether the shipped catalogues are indexed for questions at start")
    ] = True
    log_level: Annotated[
        Literal["DEBUG", "INFO", "WARNING", "ERROR"], Meta(description="least severe line that is logged")
    ] = "INFO"


def read_settings(env: Mapping[str, str]) -> Settings:
    """Read and check the settings.

    Raises:
        SettingsError: naming the variable that is missing or wrong, never its value.
    """
    raw = {
        name: env[PREFIX + name.upper()]
        for name in Settings.__struct_fields__
        if env.get(PREFIX + name.upper(), "") != ""
    }
    for name in Settings.__struct_fields__:
        # One field at a time, so that the message names one variable and never echoes a secret.
        if name in raw:
            field_type = Settings.__annotations__[name]
            try:
                msgspec.convert(raw[name], field_type, strict=False)
            except msgspec.ValidationError as error:
                # The one message of msgspec that quotes what it was given.
                reason = re.sub(r"^Invalid enum value .*", "it is none of the values it can have", str(error))
                raise SettingsError(f"{PREFIX}{name.upper()} is wrong: {reason}") from None
    try:
        return msgspec.convert(raw, Settings, strict=False)
    except msgspec.ValidationError as error:
        missing = re.search(r"missing required field `(\w+)`", str(error))
        if missing is None:
            raise SettingsError(f"{PREFIX}* settings are wrong: {error}") from None
        raise SettingsError(f"{PREFIX}{missing[1].upper()} is not set") from None


def describe(settings: Settings) -> list[tuple[str, str, str]]:
    """List every setting as (variable, value with secrets masked, meaning)."""
    rows = []
    for field in msgspec.inspect.type_info(Settings).fields:  # type: ignore[attr-defined]
        value = str(getattr(settings, field.name))
        meta = field.type
        meaning = ""
        while isinstance(meta, msgspec.inspect.Metadata):
            schema = meta.extra_json_schema or {}
            meaning = meaning or str(schema.get("description", ""))
            meta = meta.type
        secret = field.name.endswith(("_key", "_token"))
        masked = "********" if value and secret else _without_passwords(value)
        rows.append((PREFIX + field.name.upper(), masked, meaning))
    return rows


def _without_passwords(value: str) -> str:
    return _URL_PARAMETER.sub(r"\1=********", _URL_PASSWORD.sub(r"\1:********@", value))


def example_settings() -> Settings:
    """Settings that connect to nothing: enough to build the application and export its contract."""
    return Settings(
        database_url="postgresql+psycopg://nobody@localhost/none",
        redis_url="redis://localhost:1",
        orchestration_url="http://localhost:1",
        index_catalogues=False,
    )
