"""The schema goes up and down with its rows; a service of the revision before works on it."""

from collections.abc import Iterator
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import create_engine, inspect
from sqlalchemy.engine import make_url

from analysis_svc.adapters import schema
from analysis_svc.adapters.tables import SCHEMA, metadata
from tests.fixtures.databases import ServiceDsns

ROLE = "analysis_runtime"
PIPELINE = "analysis_pipeline"
# As a service of revision 0001 writes it.
INSERT_0001 = """
    INSERT INTO analysis.analyses (tenant_id, id, analysed_at, request_id, risk_score, risk_low, risk_high,
        level, taxonomy, detectors_required, detectors_succeeded, detectors_failed, violated)
    VALUES (%s, %s, now(), 'r-1', 10, 0, 20, 'low', '2026.11', '{}', '{}', '[]', '{}')
"""


@pytest.fixture
def dsns(analysis_database: ServiceDsns) -> Iterator[ServiceDsns]:
    """Whatever a test does to the schema, the next one finds it made."""
    yield analysis_database
    schema.upgrade(analysis_database.migration, ROLE, PIPELINE)


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


def insert_as_before(dsns: ServiceDsns, times: int) -> None:
    url = make_url(dsns.runtime)
    with psycopg.connect(
        host=url.host, port=url.port, user=url.username, password=url.password, dbname=url.database
    ) as runtime:
        tenant = str(uuid4())
        runtime.execute("SELECT set_config('app.tenant_id', %s, true)", [tenant])
        for _ in range(times):
            runtime.execute(INSERT_0001, [tenant, str(uuid4())])


def rows(dsns: ServiceDsns) -> int:
    with psycopg.connect(dsns.admin) as admin:
        row = admin.execute("SELECT count(*) FROM analysis.analyses WHERE request_id = 'r-1'").fetchone()
    assert row is not None
    return int(row[0])


def test_tables_in_the_code_are_those_in_the_database(dsns: ServiceDsns) -> None:
    assert described(dsns) == {
        table.name: {column.name: bool(column.nullable) for column in table.columns}
        for table in metadata.sorted_tables
    }


def test_service_of_the_revision_before_goes_on_writing_after_the_upgrade(dsns: ServiceDsns) -> None:
    insert_as_before(dsns, 2)
    assert rows(dsns) == 2


def test_downgrade_and_upgrade_keep_every_row(dsns: ServiceDsns) -> None:
    before = described(dsns)
    insert_as_before(dsns, 2)
    schema.downgrade(dsns.migration, ROLE, PIPELINE, "0001")
    assert "digest" not in described(dsns)["analyses"]
    insert_as_before(dsns, 1)
    schema.upgrade(dsns.migration, ROLE, PIPELINE)
    assert described(dsns) == before
    assert rows(dsns) == 3


def test_migrations_go_down_to_nothing_and_up_again(dsns: ServiceDsns) -> None:
    before = described(dsns)
    schema.downgrade(dsns.migration, ROLE, PIPELINE, "base")
    assert described(dsns) == {}
    schema.upgrade(dsns.migration, ROLE, PIPELINE)
    assert described(dsns) == before
    insert_as_before(dsns, 1)  # the service's role has its grants again
