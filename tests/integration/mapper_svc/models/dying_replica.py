"""A process of the service that activates a version and is meant to be killed while it does."""

import asyncio
import sys
from datetime import UTC, datetime

from mapper_svc.adapters.database import Database
from mapper_svc.adapters.model_fleet_repository import ModelFleetRepository
from mapper_svc.domain.model_fleet import Fleet
from mapper_svc.domain.model_transitions import Change, activate


async def main(database_url: str, version: str) -> None:
    """Change the fleet as the API does, in a process of its own."""
    database = Database(database_url, pool_size=2, statement_timeout_ms=60_000)

    def step(fleet: Fleet) -> Change:
        return activate(fleet, version, now=datetime.now(UTC), reason="the last act")

    await ModelFleetRepository(database).change(step, actor="dying")
    raise SystemExit("it was to be killed on the way")


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
