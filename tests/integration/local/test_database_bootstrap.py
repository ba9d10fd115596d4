from collections.abc import Mapping

import psycopg
import pytest
from psycopg.sql import SQL, Identifier

from deploy.local import postgres
from deploy.local.services import SERVICES, role_dsn
from deploy.postgres.bootstrap import ServiceDatabase, UnsafeRoleError, bootstrap
from tests.fixtures.databases import ServiceDsns

NAMES = [service.name for service in SERVICES]
PAIRS = [(own, other) for own in NAMES for other in NAMES if own != other]


def libpq(url: str) -> str:
    return url.replace("postgresql+psycopg://", "postgresql://")


@pytest.mark.parametrize("name", NAMES)
def test_no_role_of_a_service_passes_row_level_security(
    name: str, bare_databases: Mapping[str, ServiceDsns]
) -> None:
    with psycopg.connect(bare_databases[name].admin) as admin:
        rows = admin.execute(
            "SELECT rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication FROM pg_roles"
            " WHERE rolname = ANY(%s)",
            [[f"{name}_runtime", f"{name}_migrator", f"{name}_pipeline"]],
        ).fetchall()
    assert rows == [(False,)] * 3


def test_without_a_password_nobody_logs_in_as_the_pipelines(postgres_server: postgres.Cluster) -> None:
    dsn = postgres_server.admin_dsn
    bootstrap(dsn, [ServiceDatabase("alone", "a", "b", "c")], database="alone")
    pipeline = libpq(role_dsn(dsn, "alone_pipeline", "c", "alone"))
    with psycopg.connect(pipeline) as role, pytest.raises(psycopg.errors.InsufficientPrivilege):
        role.execute("CREATE TABLE alone.t (a int)")
    bootstrap(dsn, [ServiceDatabase("alone", "a", "b")], database="alone")
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(pipeline)


@pytest.mark.parametrize("name", NAMES)
def test_runtime_role_owns_nothing_and_makes_nothing(
    name: str, bare_databases: Mapping[str, ServiceDsns]
) -> None:
    with psycopg.connect(libpq(bare_databases[name].runtime), autocommit=True) as runtime:
        owned = runtime.execute(
            "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole::oid"
        ).fetchone()
        assert owned == (0,)
        for statement in (
            f"CREATE TABLE {name}.mine (a int)",
            "CREATE TABLE public.mine (a int)",
            "CREATE SCHEMA s",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                runtime.execute(SQL(statement))


@pytest.mark.parametrize(("own", "other"), PAIRS)
def test_no_role_of_a_service_reads_another_ones_schema(
    own: str, other: str, bare_databases: Mapping[str, ServiceDsns]
) -> None:
    table = f"seen_by_{own}"
    with psycopg.connect(libpq(bare_databases[other].migration), autocommit=True) as owner:
        owner.execute(SQL("CREATE TABLE IF NOT EXISTS {} (a int)").format(Identifier(other, table)))
        for url in (bare_databases[own].runtime, bare_databases[own].migration):
            with (
                psycopg.connect(libpq(url)) as stranger,
                pytest.raises(psycopg.errors.InsufficientPrivilege, match=f"schema {other}"),
            ):
                stranger.execute(SQL("SELECT * FROM {}").format(Identifier(other, table)))
        owner.execute(SQL("DROP TABLE {}").format(Identifier(other, table)))


def test_a_runtime_role_cannot_become_its_migrator(bare_databases: Mapping[str, ServiceDsns]) -> None:
    with (
        psycopg.connect(libpq(bare_databases["mapper"].runtime)) as runtime,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        runtime.execute("SET ROLE mapper_migrator")


def test_a_second_run_keeps_tables_and_takes_new_passwords(postgres_server: postgres.Cluster) -> None:
    dsn = postgres_server.admin_dsn
    bootstrap(dsn, [ServiceDatabase("again", "old", "old")], database="again")
    old = libpq(role_dsn(dsn, "again_migrator", "old", "again"))
    with psycopg.connect(old) as owner:
        owner.execute("CREATE TABLE kept (a int)")  # lands in the schema by search_path
    bootstrap(dsn, [ServiceDatabase("again", "new'\"%", "new")], database="again")
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(old)
    with psycopg.connect(libpq(role_dsn(dsn, "again_migrator", "new'\"%", "again"))) as owner:
        assert owner.execute("SELECT count(*) FROM again.kept").fetchone() == (0,)


def test_an_existing_role_that_passes_policies_is_refused(postgres_server: postgres.Cluster) -> None:
    with psycopg.connect(postgres_server.admin_dsn, autocommit=True) as admin:
        admin.execute("CREATE ROLE risky_runtime BYPASSRLS")
        with pytest.raises(UnsafeRoleError, match="risky_runtime"):
            bootstrap(postgres_server.admin_dsn, [ServiceDatabase("risky", "a", "b")], database="risky")
        admin.execute("DROP ROLE risky_runtime, risky_migrator")


def test_an_administrator_without_superuser_is_enough(postgres_server: postgres.Cluster) -> None:
    with psycopg.connect(postgres_server.admin_dsn, autocommit=True) as admin:
        admin.execute("CREATE ROLE modest LOGIN CREATEROLE CREATEDB PASSWORD 'p'")
    modest = libpq(role_dsn(postgres_server.admin_dsn, "modest", "p", "postgres"))
    for _ in range(2):
        bootstrap(modest, [ServiceDatabase("plain", "a", "b")], database="plain")
    with psycopg.connect(libpq(role_dsn(modest, "plain_migrator", "a", "plain"))) as owner:
        owner.execute("CREATE TABLE t (a int)")
    with (
        psycopg.connect(libpq(role_dsn(modest, "modest", "p", "plain"))) as admin,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        admin.execute("SELECT * FROM plain.t")


def test_a_role_without_grants_cannot_connect(
    postgres_server: postgres.Cluster, bare_databases: Mapping[str, ServiceDsns]
) -> None:
    assert bare_databases  # the database is there
    with psycopg.connect(postgres_server.admin_dsn, autocommit=True) as admin:
        admin.execute("CREATE ROLE stranger LOGIN PASSWORD 'p'")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(libpq(role_dsn(postgres_server.admin_dsn, "stranger", "p", "llama_mapper")))
