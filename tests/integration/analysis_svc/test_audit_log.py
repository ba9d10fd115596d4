"""The audit log of the analysis: each tenant has its own, and it tells on whoever edits it."""

import asyncio
import json
from collections.abc import AsyncIterator
from uuid import UUID, uuid4

import psycopg
import pytest
from click.testing import CliRunner
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from analysis_svc.__main__ import cli
from analysis_svc.adapters.audit_repository import AuditRepository, append_event
from analysis_svc.adapters.database import Database
from analysis_svc.settings import example_settings
from tests.fixtures.databases import ServiceDsns
from tests.integration.analysis_svc.conftest import Analysis, bearer

AUDIT = "/api/v1/audit"


@pytest.fixture
async def database(analysis_database: ServiceDsns) -> AsyncIterator[Database]:
    database = Database(analysis_database.runtime, pool_size=4, statement_timeout_ms=10_000)
    yield database
    await database.close()


async def append(database: Database, tenant: UUID, number: int) -> None:
    async with database.tenant(tenant) as connection:
        await append_event(
            connection,
            tenant_id=tenant,
            actor="test",
            action="tested",
            subject=str(number),
            detail={"n": number},
        )


async def test_chain_is_read_and_verified_by_its_own_tenant_alone(
    analysis: Analysis, database: Database
) -> None:
    await asyncio.gather(*(append(database, analysis.tenant, number) for number in range(6)))
    mine = (await analysis.client.get(AUDIT, headers=bearer(analysis.tenant))).json()
    assert [event["seq"] for event in mine["events"]] == [6, 5, 4, 3, 2, 1]
    state = (await analysis.client.get(f"{AUDIT}/verify", headers=bearer(analysis.tenant))).json()
    assert (state["events"], state["intact"], state["head"]) == (6, True, mine["events"][0]["hash"])
    others = (await analysis.client.get(AUDIT, headers=bearer(analysis.other))).json()
    assert others == {"events": [], "before": None}


@pytest.mark.parametrize(
    "statement", ["UPDATE analysis.audit_events SET actor = 'me'", "DELETE FROM analysis.audit_events"]
)
async def test_service_itself_cannot_rewrite_the_log(database: Database, statement: str) -> None:
    tenant = uuid4()
    await append(database, tenant, 1)
    with pytest.raises(ProgrammingError, match="permission denied"):
        async with database.tenant(tenant) as connection:
            await connection.execute(text(statement))


async def test_removed_row_is_found_by_the_service_and_by_the_command(
    analysis_database: ServiceDsns, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    tenant = uuid4()
    for number in range(3):
        await append(database, tenant, number)
    monkeypatch.setenv("ANALYSIS_DATABASE_URL", analysis_database.runtime)
    monkeypatch.setenv("ANALYSIS_REDIS_URL", example_settings().redis_url)
    monkeypatch.setenv("ANALYSIS_ORCHESTRATION_URL", example_settings().orchestration_url)
    command = ["audit", "verify", "--tenant", str(tenant), "--json"]
    before = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert (before.exit_code, json.loads(before.output)["intact"]) == (0, True)
    with psycopg.connect(analysis_database.admin) as superuser:
        superuser.execute("DELETE FROM analysis.audit_events WHERE seq = 2 AND tenant_id = %s", [tenant])
    state = await AuditRepository(database).verify(tenant)
    assert (state.intact, state.broken_at) == (False, 2)
    after = await asyncio.to_thread(CliRunner().invoke, cli, command)
    assert (after.exit_code, json.loads(after.output)["broken_at"]) == (1, 2)
