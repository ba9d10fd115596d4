"""The command that verifies a tenant's audit log; it acts as the operator of the machine."""

import asyncio
import json
import os
from uuid import UUID

import click

from analysis_svc.adapters.audit_repository import AuditRepository
from analysis_svc.adapters.database import Database
from analysis_svc.domain.audit import ChainState
from analysis_svc.settings import read_settings


@click.group()
def audit() -> None:
    """The hash-chained audit log."""


@audit.command("verify")
@click.option("--tenant", required=True, type=click.UUID, metavar="ID", help="whose")
@click.option("--json", "as_json", is_flag=True, help="print JSON")
def verify(tenant: UUID, *, as_json: bool) -> None:
    """Recompute a tenant's chain; exits with 1 when it does not hold."""
    state = asyncio.run(_verify(tenant))
    shown = {
        "events": state.events,
        "intact": state.intact,
        "broken_at": state.broken_at,
        "head": state.head,
    }
    if as_json:
        click.echo(json.dumps(shown))
    else:
        click.echo("\n".join(f"{name:<9}  {value}" for name, value in shown.items()))
    if not state.intact:
        raise SystemExit(1)


async def _verify(tenant: UUID) -> ChainState:
    database = Database(read_settings(os.environ).database_url, pool_size=1, statement_timeout_ms=10_000)
    try:
        return await AuditRepository(database).verify(tenant)
    finally:
        await database.close()
