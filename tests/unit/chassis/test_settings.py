"""Settings of mapper_svc and analysis_svc: read once, checked, named when wrong, masked when shown."""

import importlib
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner

SERVICES = ("mapper", "analysis")
PASSWORD = "s3cret:pass%2Fword"


def variables(service: str, **changes: str) -> dict[str, str]:
    fields = {
        "database_url": f"postgresql+psycopg://{service}_runtime:{PASSWORD}@db.example:5432/llama_mapper",
        "redis_url": f"redis://{service}:{PASSWORD}@cache.example:6379/0",
        "orchestration_url": "http://orchestration.example:8080",
    }
    return {f"{service.upper()}_{name.upper()}": value for name, value in (fields | changes).items()}


@pytest.fixture(params=SERVICES)
def service(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def settings(service: str) -> ModuleType:
    return importlib.import_module(f"{service}_svc.settings")


def test_needed_ones_are_enough(service: str, settings: ModuleType) -> None:
    read = settings.read_settings(variables(service))
    assert (read.host, read.metrics_host) == ("127.0.0.1", "127.0.0.1"), "open to nobody else by default"
    assert read.issuer == "llama-mapper"
    assert read.runtime_role == f"{service}_runtime"
    assert read.pipeline_role == f"{service}_pipeline"
    assert read.taxonomy == "2026.11"


@pytest.mark.parametrize("missing", ["database_url", "redis_url", "orchestration_url"])
def test_missing_one_is_named(service: str, settings: ModuleType, missing: str) -> None:
    given = variables(service)
    del given[f"{service.upper()}_{missing.upper()}"]
    with pytest.raises(settings.SettingsError, match=f"^{service.upper()}_{missing.upper()} is not set$"):
        settings.read_settings(given)


def test_empty_one_counts_as_missing(service: str, settings: ModuleType) -> None:
    with pytest.raises(settings.SettingsError, match="DATABASE_URL is not set"):
        settings.read_settings(variables(service, database_url=""))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("port", "http"),
        ("port", "0"),
        ("port", "65536"),
        ("port", "80.5"),
        ("metrics_port", "-1"),
        ("database_url", f"postgresql://u:{PASSWORD}@db/x"),
        ("database_url", f"mysql://u:{PASSWORD}@db/x"),
        ("redis_url", f"http://u:{PASSWORD}@cache"),
        ("orchestration_url", "orchestration:8080"),
        ("database_pool_size", "0"),
        ("database_statement_timeout_ms", "0"),
        ("redis_timeout_ms", "never"),
        ("max_body_bytes", "10"),
        ("taxonomy", "latest"),
        ("log_level", "verbose"),
        ("issuer", " " * 0 + ""),
        ("runtime_role", 'x"; drop role y'),
        ("pipeline_role", 'x"; drop role y'),
    ],
)
def test_wrong_one_is_named_and_not_quoted(service: str, settings: ModuleType, name: str, value: str) -> None:
    if value == "":
        assert settings.read_settings(variables(service, **{name: value})), "empty means the default"
        return
    with pytest.raises(settings.SettingsError) as caught:
        settings.read_settings(variables(service, **{name: value}))
    assert str(caught.value).startswith(f"{service.upper()}_{name.upper()} is wrong: ")
    assert PASSWORD not in str(caught.value)


def test_variables_of_others_are_not_read(service: str, settings: ModuleType) -> None:
    other = variables(service) | {"PORT": "1", "HOST": "0.0.0.0", "ORCHESTRATION_PORT": "2"}  # noqa: S104
    read = settings.read_settings(other)
    assert read == settings.read_settings(variables(service))


def test_every_setting_has_a_meaning_and_no_password_is_shown(service: str, settings: ModuleType) -> None:
    rows: list[tuple[str, str, str]] = settings.describe(settings.read_settings(variables(service)))
    assert [name for name, _, _ in rows] == [
        f"{service.upper()}_{name.upper()}" for name in settings.Settings.__struct_fields__
    ]
    assert [name for name, _, meaning in rows if not meaning] == []
    shown = "\n".join(value for _, value, _ in rows)
    assert "pass%2Fword" not in shown
    assert "s3cret" not in shown
    assert f"postgresql+psycopg://{service}_runtime:********@db.example:5432/llama_mapper" in shown


def test_settings_cannot_be_changed_after_reading(service: str, settings: ModuleType) -> None:
    read = settings.read_settings(variables(service))
    with pytest.raises(AttributeError):
        read.port = 1


def test_services_listen_on_ports_of_their_own() -> None:
    ports: list[int] = []
    for name in ("orchestration", *SERVICES):
        example: Any = importlib.import_module(f"{name}_svc.settings").example_settings()
        ports += [example.port, example.metrics_port]
    assert len(set(ports)) == 6


def test_command_line_tells_a_wrong_setting_in_one_line(
    service: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(f"{service}_svc.__main__")
    for name in variables(service):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("sys.argv", [f"{service}_svc", "settings"])
    with pytest.raises(SystemExit) as ended:
        main.main()
    assert ended.value.code == 2
    error = capsys.readouterr().err
    assert error == f"{service}_svc: {service.upper()}_DATABASE_URL is not set\n"


def test_command_line_shows_settings_without_secrets(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    main = importlib.import_module(f"{service}_svc.__main__")
    for name, value in variables(service).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main.cli, ["settings"])
    assert result.exit_code == 0, result.output
    assert "pass%2Fword" not in result.output
    assert f"{service.upper()}_DATABASE_URL" in result.output


def test_migrating_without_the_migrators_dsn_says_so(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    main = importlib.import_module(f"{service}_svc.__main__")
    for name, value in variables(service).items():
        monkeypatch.setenv(name, value)
    result = CliRunner().invoke(main.cli, ["migrate"])
    assert result.exit_code == 1
    assert f"{service.upper()}_MIGRATION_DATABASE_URL is not set" in result.output
