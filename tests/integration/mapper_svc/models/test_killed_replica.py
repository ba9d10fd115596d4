"""A replica that is killed in the middle of a change has changed nothing, and stands in nobody's way."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from uuid import uuid4

import psycopg

from mapper_svc.domain.audit import OPERATOR_TENANT_ID
from tests.fixtures.databases import ServiceDsns
from tests.integration.mapper_svc.models.conftest import HARASSMENT, A, B, MakeBento, Replica, until

SCRIPT = Path(__file__).with_name("dying_replica.py")
ROOT = Path(__file__).parents[4]
WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE usename = 'mapper_runtime' AND wait_event_type = 'Lock' AND query ILIKE '%audit_heads%'
"""


async def test_kill_in_the_middle_of_a_change_leaves_nothing_half_done(
    replica: Replica, make_bento: MakeBento, mapper_database: ServiceDsns
) -> None:
    for bento, release in ((make_bento(A), A), (make_bento(B, HARASSMENT), B)):
        await replica.do("", url=bento.url)
        if release == A:
            await replica.do(f"/{A}/activate")
    before, events = await replica.state(), await replica.audit()
    command = [sys.executable, str(SCRIPT), mapper_database.runtime, B]
    with (
        psycopg.connect(mapper_database.admin) as holder,
        psycopg.connect(mapper_database.admin, autocommit=True) as onlooker,
    ):
        # The change writes its audit event last: held up there, everything else of it is done.
        holder.execute(
            "SELECT 1 FROM mapper.audit_heads WHERE tenant_id = %s FOR UPDATE", [OPERATOR_TENANT_ID]
        )
        dying = await asyncio.create_subprocess_exec(
            *command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}
        )
        try:

            async def is_on_the_way() -> bool:
                row = onlooker.execute(WAITING).fetchone()
                return bool(row and row[0])

            await until(is_on_the_way, 40)
        finally:
            dying.send_signal(signal.SIGKILL)
            assert await dying.wait() == -signal.SIGKILL
        holder.rollback()
    await until(lambda: serves(replica, A))
    assert await replica.state() == before
    assert await replica.audit() == events
    verified = await replica.client.get("/api/v1/audit/verify", headers={"Authorization": "Bearer platform"})
    assert verified.json()["intact"] is True
    async with asyncio.timeout(10):
        state = await replica.do(f"/{B}/activate", reason="by one that lives")
    assert (state["active"], state["revision"]) == (B, before["revision"] + 1)
    assert await serves(replica, B)


async def serves(replica: Replica, release: str) -> bool:
    answer = await replica.map(
        uuid4(), f"probe {uuid4().hex[:6].translate(str.maketrans('0123456789', 'ghijklmnop'))}"
    )
    return release in str(answer["findings"][0]["version_info"]["model"])
