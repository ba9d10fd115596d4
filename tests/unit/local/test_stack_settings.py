import pytest

from deploy.local.failure import SetupError
from deploy.local.services import SERVICES, Endpoints, migration_environment, role_dsn, service_environment
from deploy.local.settings import StackSettings, read_settings


def test_nothing_set_gives_the_documented_ports() -> None:
    settings = read_settings({})
    assert [settings.api_port(service) for service in SERVICES] == [8080, 8081, 8082]
    assert [settings.metrics_port(service) for service in SERVICES] == [9080, 9081, 9082]


@pytest.mark.parametrize("value", ["0", "65536", "eighty", "80.5"])
def test_a_wrong_port_names_its_variable(value: str) -> None:
    with pytest.raises(SetupError, match="LLAMA_MAPPER_MAPPER_PORT is wrong"):
        read_settings({"LLAMA_MAPPER_MAPPER_PORT": value})


def test_two_settings_of_one_port_are_both_named() -> None:
    with pytest.raises(SetupError, match="ORCHESTRATION_PORT and LLAMA_MAPPER_MAPPER_PORT are both 9999"):
        read_settings({"LLAMA_MAPPER_ORCHESTRATION_PORT": "9999", "LLAMA_MAPPER_MAPPER_PORT": "9999"})


@pytest.mark.parametrize("name", ["LLAMA_MAPPER_POSTGRES_DSN", "LLAMA_MAPPER_REDIS_URL"])
def test_a_wrong_dsn_is_named_and_never_quoted(name: str) -> None:
    with pytest.raises(SetupError, match=name) as caught:
        read_settings({name: "mysql://me:hunter2@somewhere"})
    assert "hunter2" not in str(caught.value)


def test_ports_of_servers_that_are_not_started_are_not_asked_for() -> None:
    settings = StackSettings(postgres_dsn="postgresql://a@b/c", redis_url="redis://d")
    assert not {"LLAMA_MAPPER_POSTGRES_PORT", "LLAMA_MAPPER_VALKEY_PORT"} & settings.ports().keys()


def test_a_role_keeps_the_options_of_the_administrators_dsn_but_not_its_password() -> None:
    dsn = role_dsn(
        "postgresql://admin:top@db.example:6432/postgres?sslmode=require", "mapper_runtime", "p@/s", "lm"
    )
    assert dsn == "postgresql+psycopg://mapper_runtime:p%40%2Fs@db.example:6432/lm?sslmode=require"


def test_a_running_service_learns_neither_the_migrators_password_nor_anothers() -> None:
    ports = {service.name: 1000 for service in SERVICES}
    endpoints = Endpoints(ports, ports, "postgresql://admin:top@127.0.0.1:5/postgres")
    for service in SERVICES:
        told = service_environment(service, endpoints, runtime_password="runtime", cache_url="redis://c")
        assert all(name.startswith(service.prefix) for name in told)
        assert not any("migrator" in value or "top" in value for value in told.values())
        migrating = migration_environment(service, endpoints, password="secret")
        assert migrating[f"{service.prefix}RUNTIME_ROLE"] == f"{service.name}_runtime"
        assert migrating[f"{service.prefix}PIPELINE_ROLE"] == f"{service.name}_pipeline"


def test_only_the_orchestrator_is_told_where_the_other_two_are() -> None:
    ports = {"orchestration": 1, "mapper": 2, "analysis": 3}
    endpoints = Endpoints(ports, ports, "postgresql://admin@127.0.0.1:5/postgres")
    urls = {
        service.name: {
            name
            for name in service_environment(service, endpoints, runtime_password="", cache_url="")
            if name.endswith("_URL") and "DATABASE" not in name and "REDIS" not in name
        }
        for service in SERVICES
    }
    assert urls == {
        "orchestration": {"ORCHESTRATION_MAPPER_URL", "ORCHESTRATION_ANALYSIS_URL"},
        "mapper": {"MAPPER_ORCHESTRATION_URL"},
        "analysis": {"ANALYSIS_ORCHESTRATION_URL"},
    }
