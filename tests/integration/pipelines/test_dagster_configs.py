"""The committed dagster.yaml files: the one with PostgreSQL run for real, the one for a cluster validated."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import yaml
from dagster import DagsterInstance, DagsterRunStatus, asset, materialize
from dagster._config import process_config, resolve_to_config_type
from dagster._core.instance.config import dagster_instance_config_schema
from psycopg.conninfo import conninfo_to_dict
from psycopg.sql import SQL, Identifier, Literal

from deploy.local import postgres

CONFIGS = Path(__file__).parents[3] / "deploy" / "dagster"
PASSWORD = "of a role that lives for one test run"
NO_DAGSTER_K8S = "the extra `kubernetes` is not installed: the configuration for a cluster is NOT tested here"


@asset
def something() -> int:
    return 1


@asset(deps=[something])
def something_that_fails() -> None:
    raise RuntimeError("on purpose")


@pytest.fixture
def dagster_url(postgres_server: postgres.Cluster) -> Iterator[str]:
    """A database of its own, owned by a role of its own that is no superuser."""
    name = "dagster_test"
    with psycopg.connect(postgres_server.admin_dsn, autocommit=True) as admin:
        admin.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(Identifier(name), Literal(PASSWORD)))
        admin.execute(SQL("CREATE DATABASE {0} OWNER {0}").format(Identifier(name)))
        server = conninfo_to_dict(postgres_server.admin_dsn)
        password = PASSWORD.replace(" ", "%20")
        yield f"postgresql://{name}:{password}@{server['host']}:{server['port']}/{name}"
        admin.execute(SQL("DROP DATABASE {} WITH (FORCE)").format(Identifier(name)))
        admin.execute(SQL("DROP ROLE {}").format(Identifier(name)))


def home_with(config: str, tmp_path: Path) -> Path:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copyfile(CONFIGS / f"{config}.yaml", home / "dagster.yaml")
    return home


_READING = """
from dagster import AssetKey, DagsterInstance
with DagsterInstance.get() as instance:
    for run in instance.get_runs():
        print(run.status.value, len(instance.all_logs(run.run_id)) > 5)
    print(instance.get_latest_materialization_event(AssetKey("something")) is not None)
"""


@pytest.mark.timeout(600)
def test_runs_are_kept_in_postgresql_and_another_process_reads_them(
    dagster_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", dagster_url)
    home = home_with("postgres", tmp_path)
    with DagsterInstance.from_config(str(home)) as instance:
        done = materialize([something], instance=instance)
        failed = materialize([something_that_fails], instance=instance, raise_on_error=False)
        assert done.success
        assert not failed.success
        assert {run.run_id: run.status for run in instance.get_runs()} == {
            done.run_id: DagsterRunStatus.SUCCESS,
            failed.run_id: DagsterRunStatus.FAILURE,
        }
    with psycopg.connect(dagster_url) as onlooker:
        rows = onlooker.execute("SELECT run_id, status FROM runs").fetchall()
    assert dict(rows) == {done.run_id: "SUCCESS", failed.run_id: "FAILURE"}
    assert not list(home.rglob("*.db"))

    read = subprocess.run(
        [sys.executable, "-c", _READING],
        env={**os.environ, "DAGSTER_HOME": str(home)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert sorted(read.stdout.split("\n")) == ["", "FAILURE True", "SUCCESS True", "True"]


def test_one_machine_needs_no_server(tmp_path: Path) -> None:
    home = home_with("local", tmp_path)
    with DagsterInstance.from_config(str(home)) as instance:
        assert materialize([something], instance=instance).success
        assert instance.run_retries_enabled
        assert not instance.telemetry_enabled
    assert list(home.rglob("runs.db"))


@pytest.mark.parametrize("config", ["local", "postgres", "kubernetes"])
def test_every_configuration_is_one_that_dagster_takes(config: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_POSTGRES_URL", "postgresql://dagster@127.0.0.1/dagster")
    given = yaml.safe_load((CONFIGS / f"{config}.yaml").read_text())
    checked = process_config(dagster_instance_config_schema(), given)
    assert checked.success, checked.errors


def test_launcher_and_executor_of_the_cluster_are_what_dagster_k8s_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dagster_k8s: Any = pytest.importorskip("dagster_k8s", reason=NO_DAGSTER_K8S)
    for name in ("DAGSTER_NAMESPACE", "DAGSTER_IMAGE"):
        monkeypatch.setenv(name, "llama-mapper")
    launcher = yaml.safe_load((CONFIGS / "kubernetes.yaml").read_text())["run_launcher"]
    assert (launcher["module"], launcher["class"]) == ("dagster_k8s", "K8sRunLauncher")
    schema = resolve_to_config_type(dagster_k8s.K8sRunLauncher.config_type())
    checked = process_config(schema, launcher["config"])
    assert checked.success, checked.errors
    assert checked.value is not None
    assert checked.value["job_namespace"] == "llama-mapper"

    wrong = process_config(schema, {**launcher["config"], "volumes": [{"nmae": "data"}]})
    assert not wrong.success

    monkeypatch.setenv("PIPELINES_EXECUTOR", "kubernetes")
    from pipelines.defs.executor import step_executor  # noqa: PLC0415 - reads the variable

    assert step_executor() is dagster_k8s.k8s_job_executor


def test_an_unknown_executor_is_refused_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    from pipelines.defs.executor import step_executor  # noqa: PLC0415 - reads the variable

    monkeypatch.setenv("PIPELINES_EXECUTOR", "celery")
    with pytest.raises(ValueError, match="celery"):
        step_executor()
