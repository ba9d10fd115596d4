from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pipelines.retention_settings import RetentionSettings
from tests.fixtures.ageing_rows import World
from tests.fixtures.databases import ServiceDsns


@pytest.fixture
def world(empty_database: Callable[[str], ServiceDsns], tmp_path: Path) -> Iterator[World]:
    dsns = {service: empty_database(service) for service in ("analysis", "mapper", "orchestration")}
    archive = tmp_path / "archive"
    settings = RetentionSettings(
        analysis_database_url=dsns["analysis"].pipeline,
        mapper_database_url=dsns["mapper"].pipeline,
        orchestration_database_url=dsns["orchestration"].pipeline,
        archive=str(archive),
        retention_batch=10,
    )
    with psycopg.connect(dsns["analysis"].admin, autocommit=True) as admin:
        world = World(admin, dsns, settings, archive)
        for tenant in (world.tenant, world.other):
            admin.execute(
                "insert into orchestration.tenants (id, name) values (%s, %s)",
                [tenant, f"t{tenant.hex[:20]}"],
            )
        yield world
