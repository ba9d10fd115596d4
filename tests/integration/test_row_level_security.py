"""What one tenant has, no other can reach: by SQL, as the very role that each service runs as.

The tables are found in the catalogue, so that a new one is held to the same without being named here.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg import errors
from psycopg.sql import SQL, Composed, Identifier, Placeholder

from tests.fixtures.databases import ServiceDsns

SERVICES = ("orchestration", "mapper", "analysis")
# Tables that belong to no tenant, each on purpose; orchestration.tenants is guarded by its own id.
OF_NO_TENANT = {
    ("orchestration", "tenants"),
    ("orchestration", "revoked_tokens"),
    ("orchestration", "signing_keys"),
    # The queue, which is told ids and nothing else; what they name is under the policies.
    ("orchestration", "procrastinate_events"),
    ("orchestration", "procrastinate_jobs"),
    ("orchestration", "procrastinate_periodic_defers"),
    ("orchestration", "procrastinate_workers"),
    ("analysis", "procrastinate_events"),
    ("analysis", "procrastinate_jobs"),
    ("analysis", "procrastinate_periodic_defers"),
    ("analysis", "procrastinate_workers"),
    ("mapper", "model_registry"),
    ("mapper", "model_versions"),
    ("mapper", "model_trials"),
    ("mapper", "model_trial_totals"),
    ("mapper", "model_trial_slots"),
    ("analysis", "evidence_keys"),
    *((service, "alembic_version") for service in SERVICES),
}
A, B = uuid4(), uuid4()
Connection = psycopg.Connection[Any]


@dataclass(frozen=True)
class Table:
    """A table whose rows belong to tenants; `owner` is the column that says to whom."""

    schema: str
    name: str
    owner: str = "tenant_id"

    @property
    def sql(self) -> Identifier:
        return Identifier(self.schema, self.name)

    def statement(self, text: LiteralString) -> Composed:
        return SQL(text).format(table=self.sql, owner=Identifier(self.owner))


@pytest.fixture(scope="module")
def dsns(migrated_database: Callable[[str], ServiceDsns]) -> Mapping[str, ServiceDsns]:
    return {service: migrated_database(service) for service in SERVICES}


@pytest.fixture
def superuser(dsns: Mapping[str, ServiceDsns]) -> Iterator[Connection]:
    with psycopg.connect(dsns["orchestration"].admin, autocommit=True) as connection:
        yield connection


@pytest.fixture
def tables(superuser: Connection) -> list[Table]:
    rows = superuser.execute(
        "SELECT table_schema, table_name FROM information_schema.columns"
        " WHERE table_schema = ANY(%s) AND column_name = 'tenant_id' ORDER BY 1, 2",
        [list(SERVICES)],
    ).fetchall()
    return [Table("orchestration", "tenants", owner="id"), *(Table(*row) for row in rows)]


VALUES: dict[str, Callable[[], object]] = {
    "uuid": uuid4,
    "text": lambda: uuid4().hex[:8],
    "timestamp with time zone": lambda: "2026-11-03T12:00:00Z",
    "double precision": lambda: 0.5,
    "bigint": lambda: uuid4().int >> 66,
    "integer": lambda: 1,
    "jsonb": lambda: "{}",
    "ARRAY": lambda: "{}",
    "bytea": lambda: b"x",
    "boolean": lambda: True,
    "USER-DEFINED": lambda: "[" + ",".join(["0.1"] * 384) + "]",  # the one kind there is: an embedding
}


def insertion(superuser: Connection, table: Table, tenant: UUID) -> tuple[Composed, list[object]]:
    """An INSERT that the table's own checks let pass, for a row of `tenant`."""
    columns = superuser.execute(
        "SELECT column_name, data_type FROM information_schema.columns"
        " WHERE table_schema = %s AND table_name = %s AND is_generated = 'NEVER'",
        [table.schema, table.name],
    ).fetchall()
    row = {name: tenant if name == table.owner else VALUES[kind]() for name, kind in columns}
    names = SQL(", ").join(map(Identifier, row))
    places = SQL(", ").join([Placeholder()] * len(row))
    return SQL("INSERT INTO {} ({}) VALUES ({})").format(table.sql, names, places), list(row.values())


@pytest.fixture
def filled(superuser: Connection, tables: list[Table]) -> Iterator[list[Table]]:
    """The tables with a row of A and one of B in each; afterwards those are gone."""
    superuser.execute("SET session_replication_role = replica")  # rows without the rows they refer to
    for table in tables:
        for tenant in (A, B):
            superuser.execute(*insertion(superuser, table, tenant))
    yield tables
    for table in tables:
        superuser.execute(table.statement("DELETE FROM {table} WHERE {owner} = ANY(%s)"), [[A, B]])


@contextmanager
def as_runtime(
    dsns: Mapping[str, ServiceDsns], service: str, *, tenant: object = None, platform: bool = False
) -> Iterator[Connection]:
    """Log in as the service does and set the tenant as it does, for one transaction that is undone."""
    url = dsns[service].runtime.replace("postgresql+psycopg://", "postgresql://")
    with psycopg.connect(url) as connection:
        if tenant is not None:
            connection.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant)])
        if platform:
            connection.execute("SELECT set_config('app.platform', 'on', true)")
        yield connection
        connection.rollback()


@contextmanager
def with_every_right(superuser: Connection, table: Table, *, tenant: object = None) -> Iterator[Connection]:
    """The same role with all rights on the table, so that only its policies stand in the way."""
    role = Identifier(f"{table.schema}_runtime")
    with superuser.transaction(force_rollback=True):
        superuser.execute(SQL("GRANT ALL ON {} TO {}").format(table.sql, role))
        superuser.execute(SQL("SET LOCAL ROLE {}").format(role))
        if tenant is not None:
            superuser.execute("SELECT set_config('app.tenant_id', %s, true)", [str(tenant)])
        yield superuser


def owners(connection: Connection, table: Table) -> set[UUID]:
    return {owner for (owner,) in connection.execute(table.statement("SELECT {owner} FROM {table}"))}


def refused_by_policy(connection: Connection, query: Composed, values: list[object]) -> None:
    with pytest.raises(errors.InsufficientPrivilege, match="row-level security"), connection.transaction():
        connection.execute(query, values)


def test_every_table_belongs_to_tenants_or_is_known_not_to(
    superuser: Connection, tables: list[Table]
) -> None:
    rows = superuser.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)", [list(SERVICES)]
    ).fetchall()
    assert set(rows) - {(table.schema, table.name) for table in tables} <= OF_NO_TENANT
    assert {table.schema for table in tables} == set(SERVICES)


def test_no_view_or_definer_function_leads_around_the_policies(superuser: Connection) -> None:
    around = superuser.execute(
        "SELECT n.nspname, c.relname FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE n.nspname = ANY(%s) AND c.relkind IN ('v', 'm', 'f')"
        " UNION ALL SELECT n.nspname, p.proname FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace"
        " WHERE n.nspname = ANY(%s) AND p.prosecdef",
        [list(SERVICES), list(SERVICES)],
    ).fetchall()
    assert around == []


def test_row_security_is_on_and_forced_upon_the_owner_too(superuser: Connection, tables: list[Table]) -> None:
    for table in tables:
        row = superuser.execute(
            "SELECT relrowsecurity, relforcerowsecurity FROM pg_class WHERE oid = %s::regclass",
            [f"{table.schema}.{table.name}"],
        ).fetchone()
        assert row == (True, True), table


def test_policies_cover_every_command_both_ways(superuser: Connection, tables: list[Table]) -> None:
    for table in tables:
        rows = superuser.execute(
            "SELECT cmd, qual, with_check FROM pg_policies WHERE schemaname = %s AND tablename = %s",
            [table.schema, table.name],
        ).fetchall()
        assert rows, table
        for command, seen, written in rows:
            assert command == "ALL", table
            for rule in (seen, written):
                assert "NULLIF(current_setting('app.tenant_id'::text, true), ''::text)" in rule, table


@pytest.mark.parametrize("service", SERVICES)
def test_runtime_role_has_no_power_over_the_policies(superuser: Connection, service: str) -> None:
    role = f"{service}_runtime"
    powers = superuser.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication"
        " FROM pg_roles WHERE rolname = %s",
        [role],
    ).fetchone()
    assert powers == (False,) * 5
    owned = superuser.execute(
        "SELECT count(*) FROM pg_shdepend WHERE refobjid = %s::regrole AND deptype = 'o'", [role]
    ).fetchone()
    assert owned == (0,)
    others = superuser.execute(
        "SELECT roleid::regrole::text FROM pg_auth_members WHERE member = %s::regrole", [role]
    ).fetchall()
    assert others == []


def test_own_rows_are_seen_and_no_others(dsns: Mapping[str, ServiceDsns], filled: list[Table]) -> None:
    for table in filled:
        for tenant in (A, B):
            with as_runtime(dsns, table.schema, tenant=tenant) as connection:
                assert owners(connection, table) == {tenant}, table


def test_rows_of_another_tenant_cannot_be_written(
    dsns: Mapping[str, ServiceDsns], superuser: Connection, filled: list[Table]
) -> None:
    for table in filled:
        query, values = insertion(superuser, table, B)
        with as_runtime(dsns, table.schema, tenant=A) as connection:
            refused_by_policy(connection, query, values)


def test_rows_of_another_tenant_cannot_be_changed_removed_or_taken_over(
    superuser: Connection, filled: list[Table]
) -> None:
    for table in filled:
        with with_every_right(superuser, table, tenant=A) as connection:
            query, values = insertion(superuser, table, B)
            refused_by_policy(connection, query, values)
            give_away = table.statement("UPDATE {table} SET {owner} = %s WHERE {owner} = %s")
            refused_by_policy(connection, give_away, [B, A])
            for statement in (
                table.statement("UPDATE {table} SET {owner} = {owner} WHERE {owner} = %s"),
                table.statement("DELETE FROM {table} WHERE {owner} = %s"),
            ):
                assert connection.execute(statement, [B]).rowcount == 0, table
            assert connection.execute(give_away, [A, B]).rowcount == 0, table
            assert connection.execute(table.statement("DELETE FROM {table}")).rowcount == 1, table
            connection.execute("RESET ROLE")
            assert owners(connection, table) >= {B}, table


@pytest.mark.parametrize("setting", [None, ""])
def test_without_a_tenant_nothing_is_seen_and_nothing_written(
    dsns: Mapping[str, ServiceDsns], superuser: Connection, filled: list[Table], setting: str | None
) -> None:
    for table in filled:
        with as_runtime(dsns, table.schema, tenant=setting) as connection:
            assert owners(connection, table) == set(), table
            refused_by_policy(connection, *insertion(superuser, table, A))
        with with_every_right(superuser, table, tenant=setting) as connection:
            refused_by_policy(connection, *insertion(superuser, table, A))
            for statement in ("UPDATE {table} SET {owner} = {owner}", "DELETE FROM {table}"):
                assert connection.execute(table.statement(statement)).rowcount == 0, table


def test_setting_of_one_transaction_is_gone_in_the_next(
    dsns: Mapping[str, ServiceDsns], filled: list[Table]
) -> None:
    for table in filled:
        with as_runtime(dsns, table.schema, tenant=A) as connection:
            assert owners(connection, table) == {A}
            connection.rollback()
            assert owners(connection, table) == set(), table


def test_the_platform_sees_the_list_of_tenants_and_no_tenants_rows(
    dsns: Mapping[str, ServiceDsns], filled: list[Table]
) -> None:
    for table in filled:
        with as_runtime(dsns, table.schema, platform=True) as connection:
            seen = owners(connection, table)
            assert seen >= {A, B} if table.name == "tenants" else seen == set(), table


def test_owner_of_the_tables_is_bound_by_the_policies_too(
    dsns: Mapping[str, ServiceDsns], filled: list[Table]
) -> None:
    for table in filled:
        url = dsns[table.schema].migration.replace("postgresql+psycopg://", "postgresql://")
        with psycopg.connect(url) as owner:
            assert owners(owner, table) == set(), table


def test_unique_and_foreign_keys_begin_with_the_tenant(superuser: Connection, tables: list[Table]) -> None:
    for table in tables:
        if table.owner != "tenant_id":
            continue
        keys = superuser.execute(
            "SELECT c.conname, a.attname FROM pg_constraint c"
            " JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1]"
            " WHERE c.conrelid = %s::regclass AND c.contype IN ('p', 'u', 'f')"
            " UNION ALL SELECT i.indexrelid::regclass::text, a.attname FROM pg_index i"
            " LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = i.indkey[0]"
            " WHERE i.indrelid = %s::regclass AND i.indisunique",
            [f"{table.schema}.{table.name}"] * 2,
        ).fetchall()
        assert keys, table
        assert [name for name, first in keys if first != "tenant_id"] == [], table


def test_foreign_keys_refer_to_a_row_of_the_same_tenant(superuser: Connection, tables: list[Table]) -> None:
    for table in tables:
        targets = superuser.execute(
            "SELECT c.confrelid::regclass::text, a.attname FROM pg_constraint c"
            " JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = c.confkey[1]"
            " WHERE c.conrelid = %s::regclass AND c.contype = 'f'",
            [f"{table.schema}.{table.name}"],
        ).fetchall()
        for target, first in targets:
            assert first == ("id" if target == "orchestration.tenants" else "tenant_id"), table


@pytest.mark.parametrize("service", SERVICES)
def test_role_of_one_service_reads_nothing_of_another(
    dsns: Mapping[str, ServiceDsns], superuser: Connection, service: str
) -> None:
    rows = superuser.execute(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname = ANY(%s)",
        [[other for other in SERVICES if other != service]],
    ).fetchall()
    assert len(rows) > 2
    with as_runtime(dsns, service, tenant=A, platform=True) as connection:
        for schema, name in rows:
            with pytest.raises(errors.InsufficientPrivilege, match="schema"), connection.transaction():
                connection.execute(SQL("SELECT 1 FROM {}").format(Identifier(schema, name)))


def test_service_may_change_no_more_than_it_needs_to(superuser: Connection) -> None:
    rows = superuser.execute(
        "SELECT table_schema || '.' || table_name, string_agg(privilege_type, ' ' ORDER BY privilege_type)"
        " FROM information_schema.role_table_grants WHERE grantee = table_schema || '_runtime'"
        " AND privilege_type IN ('DELETE', 'TRUNCATE', 'UPDATE', 'TRIGGER', 'REFERENCES') GROUP BY 1"
    ).fetchall()
    assert dict(rows) == {
        "orchestration.api_keys": "UPDATE",
        "orchestration.audit_heads": "UPDATE",
        "orchestration.idempotency_records": "DELETE UPDATE",
        "orchestration.job_items": "DELETE UPDATE",
        "orchestration.jobs": "DELETE UPDATE",
        "orchestration.procrastinate_events": "DELETE UPDATE",
        "orchestration.procrastinate_jobs": "DELETE UPDATE",
        "orchestration.procrastinate_periodic_defers": "DELETE UPDATE",
        "orchestration.procrastinate_workers": "DELETE UPDATE",
        "orchestration.detectors": "DELETE UPDATE",
        "orchestration.revoked_tokens": "DELETE UPDATE",
        "orchestration.signing_keys": "UPDATE",
        "analysis.audit_heads": "UPDATE",
        "analysis.idempotency_records": "DELETE UPDATE",
        "analysis.incidents": "UPDATE",
        "analysis.knowledge_documents": "DELETE",
        "analysis.procrastinate_events": "DELETE UPDATE",
        "analysis.procrastinate_jobs": "DELETE UPDATE",
        "analysis.procrastinate_periodic_defers": "DELETE UPDATE",
        "analysis.procrastinate_workers": "DELETE UPDATE",
        "analysis.report_schedules": "DELETE UPDATE",
        "analysis.reports": "UPDATE",
        "analysis.rolled_hours": "DELETE",
        "mapper.audit_heads": "UPDATE",
        "mapper.model_registry": "UPDATE",
        "mapper.model_trial_slots": "DELETE UPDATE",
        "mapper.model_trial_totals": "UPDATE",
        "mapper.model_trials": "UPDATE",
        "mapper.model_versions": "UPDATE",
        "mapper.review_items": "UPDATE",
    }
