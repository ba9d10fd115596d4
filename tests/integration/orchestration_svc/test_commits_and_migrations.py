"""What is answered is what was committed; and the schema goes down and up again."""

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from sqlalchemy import create_engine, inspect

from orchestration_svc.adapters import schema
from orchestration_svc.adapters.tables import SCHEMA, metadata
from orchestration_svc.domain.access import OPERATOR_TENANT_ID
from tests.fixtures.databases import ServiceDsns
from tests.integration.orchestration_svc.conftest import Cli, Service

ROLE = "orchestration_runtime"
PIPELINE = "orchestration_pipeline"
Superuser = psycopg.Connection[Any]
FAIL_AT_COMMIT = """
create or replace function public.fail_at_commit() returns trigger language plpgsql as
$$ begin raise exception 'refused at commit: %', NEW using errcode = '{code}'; end $$;
create constraint trigger fail_at_commit after insert on orchestration.{table}
deferrable initially deferred for each row execute function public.fail_at_commit();
"""


@pytest.fixture
def no_trigger_left(superuser: Superuser) -> Iterator[None]:
    yield
    superuser.execute("drop function if exists public.fail_at_commit cascade")


@pytest.mark.usefixtures("no_trigger_left")
@pytest.mark.parametrize(
    ("code", "statuses"),
    [("P0001", {500}), ("23505", {409, 500}), ("40001", {500, 503}), ("53100", {500, 503})],
)
@pytest.mark.parametrize("table", ["api_keys", "audit_events"])
async def test_commit_that_fails_is_never_answered_with_201(
    service: Service, admin: str, superuser: Superuser, table: str, code: str, statuses: set[int]
) -> None:
    superuser.execute(FAIL_AT_COMMIT.format(table=table, code=code))
    body = {"name": "never kept", "roles": ["viewer"]}
    answer = await service.call("POST", "/api/v1/keys", admin, json=body)
    assert answer.status_code in statuses
    assert answer.headers["content-type"] == "application/problem+json"
    assert "token" not in answer.json()
    assert "never kept" not in answer.text
    keys = (await service.call("GET", "/api/v1/keys", admin)).json()["keys"]
    assert "never kept" not in [key["name"] for key in keys]
    state = (await service.call("GET", "/api/v1/audit/verify", admin)).json()
    assert (state["events"], state["intact"]) == (1, True)


@pytest.mark.usefixtures("no_trigger_left")
async def test_tenant_whose_commit_fails_is_not_there(
    service: Service, platform: str, superuser: Superuser
) -> None:
    superuser.execute(FAIL_AT_COMMIT.format(table="tenants", code="23505"))
    answer = await service.call("POST", "/api/v1/tenants", platform, json={"name": "ghost"})
    assert answer.status_code == 409
    listed = (await service.call("GET", "/api/v1/tenants", platform)).json()["tenants"]
    assert [tenant["name"] for tenant in listed] == ["operator"]


def tables(superuser: Superuser) -> set[str]:
    rows = superuser.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'orchestration'")
    return {name for (name,) in rows.fetchall()}


def described(dsns: ServiceDsns) -> dict[str, dict[str, bool]]:
    engine = create_engine(dsns.migration)
    try:
        there = inspect(engine)
        return {
            name: {column["name"]: column["nullable"] for column in there.get_columns(name, schema=SCHEMA)}
            for name in there.get_table_names(schema=SCHEMA)
            if name != "alembic_version" and not name.startswith("procrastinate_")
        }
    finally:
        engine.dispose()


@pytest.fixture
def migrated_again(dsns: ServiceDsns) -> Iterator[ServiceDsns]:
    """Whatever a test did to the schema, the next one finds it made."""
    yield dsns
    schema.upgrade(dsns.migration, ROLE, PIPELINE)


def test_migrations_go_down_to_nothing_and_up_again(
    migrated_again: ServiceDsns, superuser: Superuser, cli: Cli
) -> None:
    before = described(migrated_again)
    assert cli("migrate", "--down-to", "base")[0] == 0
    assert tables(superuser) == {"alembic_version"}
    assert cli("migrate")[0] == 0
    assert described(migrated_again) == before
    rows = superuser.execute("SELECT id, name FROM orchestration.tenants").fetchall()
    assert rows == [(OPERATOR_TENANT_ID, "operator")]
    assert cli("migrate")[0] == 0  # nothing is left to do
    assert cli("tenants", "create", "acme")[0] == 0  # the service's role has its grants again


def test_tables_in_the_code_are_those_in_the_database(dsns: ServiceDsns) -> None:
    assert described(dsns) == {
        table.name: {column.name: bool(column.nullable) for column in table.columns}
        for table in metadata.sorted_tables
    }


def test_two_migrations_at_once_do_the_work_once(migrated_again: ServiceDsns, superuser: Superuser) -> None:
    schema.downgrade(migrated_again.migration, ROLE, PIPELINE, "base")
    # Alembic keeps its context in a module, so two runs at once need two processes; a lock held here
    # stands for the other one.
    other = threading.Thread(target=schema.upgrade, args=(migrated_again.migration, ROLE, PIPELINE))
    with psycopg.connect(migrated_again.admin) as holder:
        holder.execute("SELECT pg_advisory_xact_lock(hashtext('migrate orchestration'))")
        other.start()
        other.join(0.7)
        assert other.is_alive()
        assert "tenants" not in tables(superuser)
    other.join(10)
    assert not other.is_alive()
    assert "tenants" in tables(superuser)


def test_migration_without_its_url_is_one_clear_line(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCHESTRATION_MIGRATION_DATABASE_URL")
    status, _, err = cli("migrate")
    assert (status, err) == (1, "Error: ORCHESTRATION_MIGRATION_DATABASE_URL is not set\n")
