"""The service's settings: one frozen Struct, read once from the environment."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PREFIX = "ORCHESTRATION_"

# Up to the last @, for drivers take a password that holds any sign; and the same secret as a parameter.
_URL_PASSWORD = re.compile(r"(?<=://)([^:/@]*):(?:.*)@")
_URL_PARAMETER = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*", re.IGNORECASE)

Port = Annotated[int, Meta(ge=1, le=65535)]
Millis = Annotated[int, Meta(ge=1, le=600_000)]


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the environment variable."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set; each field is read from ``ORCHESTRATION_<FIELD>``."""

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
    key_encryption_key: Annotated[
        str,
        Meta(
            pattern=r"^[A-Za-z0-9_-]{43}=$",
            description="32 bytes, urlsafe base64: encrypts the token-signing keys at rest",
        ),
    ]
    mapper_url: Annotated[str, Meta(pattern=r"^https?://", description="base URL of mapper_svc")]
    analysis_url: Annotated[str, Meta(pattern=r"^https?://", description="base URL of analysis_svc")]
    migration_database_url: Annotated[
        str, Meta(description="Postgres DSN of the migrator role; only the migrate command reads it")
    ] = ""
    runtime_role: Annotated[
        str, Meta(pattern=r"^[a-z_][a-z0-9_]{0,62}$", description="role that migrations grant row access to")
    ] = "orchestration_runtime"
    pipeline_role: Annotated[
        str,
        Meta(
            pattern=r"^([a-z_][a-z0-9_]{0,62})?$(?!\n)",
            description="role that migrations grant what retention and other pipelines need; empty for none",
        ),
    ] = "orchestration_pipeline"
    host: Annotated[str, Meta(description="address to bind")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="port of the API")] = 8080
    metrics_host: Annotated[str, Meta(description="address /metrics binds to")] = "127.0.0.1"
    metrics_port: Annotated[int, Meta(ge=0, le=65535, description="port of /metrics; 0 switches it off")] = (
        9080
    )
    issuer: Annotated[str, Meta(min_length=1, description="iss that tokens must carry")] = "llama-mapper"
    database_pool_size: Annotated[int, Meta(ge=1, le=200, description="pooled Postgres connections")] = 10
    database_statement_timeout_ms: Annotated[
        Millis, Meta(description="after this a statement is cancelled")
    ] = 5_000
    redis_timeout_ms: Annotated[Millis, Meta(description="limit of one call to Redis or Valkey")] = 150
    max_body_bytes: Annotated[int, Meta(ge=1024, description="largest request body taken")] = 512 * 1024
    max_content_bytes: Annotated[
        int, Meta(ge=1, le=1024 * 1024, description="largest content of one request, in UTF-8 bytes")
    ] = 64 * 1024
    http_detectors: Annotated[
        str, Meta(description="remote detectors, a JSON list; docs/guides/adding-a-detector.md shows one")
    ] = "[]"
    outbound_hosts: Annotated[
        str,
        Meta(
            description="hosts that may be called although their addresses are private, each with or"
            " without a port, separated by commas; 'loopback' is this machine"
        ),
    ] = ""
    disabled_detectors: Annotated[
        str, Meta(description="names of installed detectors not to run, separated by commas")
    ] = ""
    detector_workers: Annotated[
        int,
        Meta(ge=1, le=64, description="processes of each in-process detector, one text each at a time"),
    ] = 1
    hedged_detectors: Annotated[
        str,
        Meta(
            description="installed detectors asked a second time when late, name=milliseconds by commas;"
            " in-process ones need two workers"
        ),
    ] = ""
    worker_metrics_port: Annotated[
        int, Meta(ge=0, le=65535, description="port of /metrics of a job worker; 0 switches it off")
    ] = 0
    worker_jobs: Annotated[int, Meta(ge=1, le=64, description="jobs that a worker runs side by side")] = 2
    worker_texts: Annotated[
        int, Meta(ge=1, le=64, description="texts of one job that a worker has answered side by side")
    ] = 4
    worker_silent_s: Annotated[
        float,
        Meta(ge=1, le=600, description="a worker silent for so long is dead and its jobs go to others, s"),
    ] = 15.0
    job_retry_window_s: Annotated[
        int,
        Meta(ge=0, le=86_400, description="how long unanswered texts wait, encrypted, for a retry, s"),
    ] = 3_600
    webhook_hosts: Annotated[
        str,
        Meta(
            description="hosts that webhooks may call, separated by commas, none by default; one with a"
            " private address has to be in outbound_hosts, too"
        ),
    ] = ""
    limit_requests_per_minute: Annotated[
        int, Meta(ge=0, description="requests that a tenant may make in a minute; 0 is no limit")
    ] = 60_000
    limit_key_requests_per_minute: Annotated[
        int, Meta(ge=0, description="requests that one key may make in a minute; 0 is no limit")
    ] = 60_000
    limit_concurrent_requests: Annotated[
        int, Meta(ge=0, description="requests of a tenant under way at once; 0 is no limit")
    ] = 500
    limit_content_bytes_per_day: Annotated[
        int, Meta(ge=0, description="bytes that a tenant may send in a day (UTC); 0 is no limit")
    ] = 50 * 1024**3
    limit_jobs_queued: Annotated[
        int, Meta(ge=0, description="jobs of a tenant that may wait or run; 0 is no limit")
    ] = 1_000
    tenant_limits: Annotated[
        str, Meta(description="limits of single tenants, JSON by tenant id; docs/guides/limits.md shows one")
    ] = "{}"
    policy_timeout_ms: Annotated[
        Millis, Meta(description="processor time that one evaluation of a tenant's policy may take")
    ] = 50
    opa_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://.*)?$",
            description="base URL of an OPA server for tenants' policies; empty evaluates them here",
        ),
    ] = ""
    opa_token: Annotated[str, Meta(description="bearer token for the OPA server")] = ""
    opa_timeout_ms: Annotated[Millis, Meta(description="limit of one evaluation by the OPA server")] = 200
    response_cache_s: Annotated[
        int,
        Meta(ge=0, le=86_400, description="how long what was found in a text holds, s; 0 switches it off"),
    ] = 300
    response_cache_mb: Annotated[
        int,
        Meta(
            ge=1,
            le=65_536,
            description="MiB that this process keeps of it within that time, a tenant's a quarter at most",
        ),
    ] = 64
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
        key_encryption_key="A" * 43 + "=",
        mapper_url="http://localhost:1",
        analysis_url="http://localhost:1",
    )
