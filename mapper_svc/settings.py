"""The service's settings: one frozen Struct, read once from the environment."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

PREFIX = "MAPPER_"

# Up to the last @, for drivers take a password that holds any sign; and the same secret as a parameter.
_URL_PASSWORD = re.compile(r"(?<=://)([^:/@]*):(?:.*)@")
_URL_PARAMETER = re.compile(r"(?<=[?&])(password|sslpassword)=[^&]*", re.IGNORECASE)

Port = Annotated[int, Meta(ge=1, le=65535)]
Millis = Annotated[int, Meta(ge=1, le=600_000)]


DEFAULT_EDITION = "2026.11"
"""The edition of the taxonomy that is used unless another is set."""


class SettingsError(Exception):
    """A setting is missing or wrong; the message names the environment variable."""


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """What can be set; each field is read from ``MAPPER_<FIELD>``."""

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
    ] = "mapper_runtime"
    pipeline_role: Annotated[
        str,
        Meta(
            pattern=r"^([a-z_][a-z0-9_]{0,62})?$(?!\n)",
            description="role that migrations grant what retention and other pipelines need; empty for none",
        ),
    ] = "mapper_pipeline"
    host: Annotated[str, Meta(description="address to bind")] = "127.0.0.1"
    port: Annotated[Port, Meta(description="port of the API")] = 8081
    metrics_host: Annotated[str, Meta(description="address /metrics binds to")] = "127.0.0.1"
    metrics_port: Annotated[int, Meta(ge=0, le=65535, description="port of /metrics; 0 switches it off")] = (
        9081
    )
    issuer: Annotated[str, Meta(min_length=1, description="iss that tokens must carry")] = "llama-mapper"
    database_pool_size: Annotated[int, Meta(ge=1, le=200, description="pooled Postgres connections")] = 10
    database_statement_timeout_ms: Annotated[
        Millis, Meta(description="after this a statement is cancelled")
    ] = 5_000
    redis_timeout_ms: Annotated[Millis, Meta(description="limit of one call to Redis or Valkey")] = 150
    http_timeout_ms: Annotated[Millis, Meta(description="limit of one call to orchestration_svc")] = 2_000
    max_body_bytes: Annotated[int, Meta(ge=1024, description="largest request body taken")] = 8 * 1024 * 1024
    taxonomy: Annotated[str, Meta(pattern=r"^\d{4}\.\d{2}$", description="taxonomy edition in use")] = (
        DEFAULT_EDITION
    )
    disabled_plugins: Annotated[
        str, Meta(description="names of installed plugins not to run, separated by commas")
    ] = ""
    plugin_timeout_ms: Annotated[
        Millis, Meta(description="longest that one plugin may take for one request")
    ] = 100
    model_url: Annotated[
        str,
        Meta(
            pattern=r"^(https?://.*)?$",
            description="base URL of the Bento that serves the model; empty: rules alone",
        ),
    ] = ""
    model_token: Annotated[str, Meta(description="service token of that Bento")] = ""
    model_budget_ms: Annotated[Millis, Meta(description="longest that a request waits for the model")] = 500
    model_call_timeout_ms: Annotated[
        Millis,
        Meta(description="limit of one call to the model; its answer is kept when nobody waits any more"),
    ] = 3_000
    model_labels_per_call: Annotated[
        int, Meta(ge=1, le=256, description="most labels of one call to the model")
    ] = 16
    model_calls_at_once: Annotated[
        int,
        Meta(
            ge=1,
            le=256,
            description="calls to the model under way, half of them one tenant's; beyond, rules answer",
        ),
    ] = 16
    model_breaker_failures: Annotated[
        int, Meta(ge=1, le=1000, description="failed calls in a row after which the model is left alone")
    ] = 5
    model_breaker_open_ms: Annotated[Millis, Meta(description="how long it is left alone")] = 5_000
    model_cache_entries: Annotated[
        int, Meta(ge=0, le=1_000_000, description="labels whose distribution is kept in process, 2 kB each")
    ] = 20_000
    model_cache_seconds: Annotated[
        int,
        Meta(ge=1, le=31_536_000, description="how long a distribution is kept, in process and in Valkey"),
    ] = 86_400
    model_cache_key: Annotated[
        str,
        Meta(description="secret that names cached labels; empty: derived from the Bento's token"),
    ] = ""
    model_hosts: Annotated[
        str,
        Meta(
            description="hosts that versions of the model may be served from, each with or without a port,"
            " separated by commas; loopback is this machine"
        ),
    ] = "loopback"
    model_poll_ms: Annotated[
        Millis, Meta(description="longest that a change of versions goes unseen while Valkey is away")
    ] = 500
    trial_patience_ms: Annotated[
        Millis,
        Meta(description="how long a tried version may take before the active one is asked as well"),
    ] = 300
    trial_tries: Annotated[
        int,
        Meta(ge=1, le=256, description="calls of a tried version under way; beyond, the active one answers"),
    ] = 16
    trial_mirrors: Annotated[
        int, Meta(ge=1, le=256, description="calls under way that are made to compare two versions only")
    ] = 16
    trial_mirror_share: Annotated[
        float,
        Meta(ge=0, le=1, description="share of a canary's or A/B trial's questions that both versions get"),
    ] = 0.25
    trial_window_s: Annotated[
        int, Meta(ge=10, le=3_600, description="how far back a tried version is judged")
    ] = 300
    trial_min_calls: Annotated[
        int, Meta(ge=5, le=100_000, description="calls below which a tried version is not judged")
    ] = 20
    trial_error_margin: Annotated[
        float, Meta(ge=0, le=1, description="by how much its share of failed calls may be larger")
    ] = 0.05
    trial_fallback_margin: Annotated[
        float, Meta(ge=0, le=1, description="by how much its share of labels it abstains on may be larger")
    ] = 0.1
    trial_latency_ratio: Annotated[
        float, Meta(ge=1, le=100, description="by what factor its 95th percentile may be longer")
    ] = 1.5
    trial_latency_slack_ms: Annotated[
        Millis, Meta(description="and by how many milliseconds it may be longer in any case")
    ] = 50
    trial_min_agreement: Annotated[
        float,
        Meta(ge=0, le=1, description="least share of labels, of which both versions are sure, named alike"),
    ] = 0.7
    ab_error: Annotated[
        float, Meta(gt=0, lt=1, description="probability that an A/B test ever finds what is not there")
    ] = 0.05
    ab_slow_ms: Annotated[
        Millis, Meta(description="from how long on an answer counts as slow in an A/B test")
    ] = 250
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
    )
