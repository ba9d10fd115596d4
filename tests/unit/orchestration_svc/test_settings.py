"""The same claims for the settings of all three services, which are alike but for their fields."""

from importlib import import_module
from types import ModuleType

import pytest

SECRET = "s3cr3t-of-the-test"
KEY = "Zm9ydHktdGhyZWUgY2hhcmFjdGVycyBvZiBhIHRlc3Q="
OWN: dict[str, dict[str, str]] = {
    "orchestration": {
        "KEY_ENCRYPTION_KEY": KEY,
        "MAPPER_URL": "http://mapper:8081",
        "ANALYSIS_URL": "http://analysis:8082",
    },
    "mapper": {"ORCHESTRATION_URL": "http://orchestration:8080"},
    "analysis": {"ORCHESTRATION_URL": "http://orchestration:8080"},
}
SERVICES = list(OWN)


def module(service: str) -> ModuleType:
    return import_module(f"{service}_svc.settings")


def environment(service: str, **changes: str | None) -> dict[str, str]:
    values: dict[str, str | None] = {
        "DATABASE_URL": f"postgresql+psycopg://{service}_runtime:{SECRET}@db:5432/llama_mapper",
        "REDIS_URL": f"redis://{service}:{SECRET}@cache:6379/0",
        **OWN[service],
        **changes,
    }
    return {f"{service.upper()}_{name}": value for name, value in values.items() if value is not None}


@pytest.mark.parametrize("service", SERVICES)
def test_defaults_fill_what_is_not_set(service: str) -> None:
    settings = module(service).read_settings(environment(service))
    assert settings.host == "127.0.0.1"
    assert settings.metrics_host == "127.0.0.1"
    assert settings.issuer == "llama-mapper"


@pytest.mark.parametrize("service", SERVICES)
def test_an_empty_variable_counts_as_not_set(service: str) -> None:
    settings = module(service).read_settings(environment(service, PORT="", LOG_LEVEL=""))
    assert settings.log_level == "INFO"
    with pytest.raises(module(service).SettingsError, match=f"{service.upper()}_REDIS_URL is not set"):
        module(service).read_settings(environment(service, REDIS_URL=""))


@pytest.mark.parametrize(
    ("service", "name"),
    [
        (service, name)
        for service in SERVICES
        for name in ("DATABASE_URL", "REDIS_URL", *(name for name in OWN[service]))
    ],
)
def test_missing_setting_is_named(service: str, name: str) -> None:
    with pytest.raises(module(service).SettingsError, match=f"^{service.upper()}_{name} is not set$"):
        module(service).read_settings(environment(service, **{name: None}))


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("METRICS_PORT", "-1"),
        ("DATABASE_POOL_SIZE", "0"),
        ("DATABASE_POOL_SIZE", "1.5"),
        ("DATABASE_STATEMENT_TIMEOUT_MS", "0"),
        ("REDIS_TIMEOUT_MS", "600001"),
        ("MAX_BODY_BYTES", "10"),
        ("LOG_LEVEL", "LOUD"),
        ("DATABASE_URL", f"mysql://user:{SECRET}@db/x"),
        ("DATABASE_URL", f"postgresql://user:{SECRET}@db/x"),
        ("REDIS_URL", f"http://user:{SECRET}@cache"),
        ("RUNTIME_ROLE", 'x"; drop table tenants; --'),
    ],
)
def test_wrong_setting_is_named_and_its_value_is_not_echoed(service: str, name: str, value: str) -> None:
    with pytest.raises(
        module(service).SettingsError, match=f"^{service.upper()}_{name} is wrong: "
    ) as caught:
        module(service).read_settings(environment(service, **{name: value}))
    said = str(caught.value)
    assert SECRET not in said
    assert len(value) < 3 or value not in said
    assert caught.value.__suppress_context__


@pytest.mark.parametrize("key", ["short", KEY[:-1], KEY + "=", "!" * 43 + "=", f"{SECRET}{KEY}"])
def test_wrong_key_encryption_key_is_refused_and_not_echoed(key: str) -> None:
    with pytest.raises(module("orchestration").SettingsError, match="KEY_ENCRYPTION_KEY is wrong") as caught:
        module("orchestration").read_settings(environment("orchestration", KEY_ENCRYPTION_KEY=key))
    assert key not in str(caught.value)


@pytest.mark.parametrize("service", SERVICES)
def test_secrets_are_masked_when_settings_are_shown(service: str) -> None:
    settings = module(service).read_settings(environment(service))
    rows = {name: shown for name, shown, _ in module(service).describe(settings)}
    text = "\n".join(rows.values())
    assert SECRET not in text
    assert KEY not in text
    assert rows[f"{service.upper()}_DATABASE_URL"].endswith(":********@db:5432/llama_mapper")


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.parametrize(
    "url",
    [
        f"postgresql+psycopg://user:a:{SECRET}@db/x",
        f"postgresql+psycopg://user:a/{SECRET}/b@db/x",
        f"postgresql+psycopg://user:{SECRET}@{SECRET}@db/x",
        f"postgresql+psycopg://db/x?user=me&password={SECRET}&connect_timeout=3",
        f"postgresql+psycopg://db/x?sslpassword={SECRET}",
    ],
)
def test_odd_passwords_are_masked_too(service: str, url: str) -> None:
    settings = module(service).read_settings(environment(service, DATABASE_URL=url))
    rows = module(service).describe(settings)
    assert SECRET not in "".join(shown for _, shown, _ in rows)


@pytest.mark.parametrize("service", SERVICES)
def test_every_setting_tells_what_it_means(service: str) -> None:
    rows = module(service).describe(module(service).example_settings())
    assert [name for name, _, meaning in rows if not meaning] == []


@pytest.mark.parametrize("service", SERVICES)
def test_settings_cannot_be_changed_after_they_are_read(service: str) -> None:
    settings = module(service).example_settings()
    with pytest.raises(AttributeError):
        settings.port = 1
