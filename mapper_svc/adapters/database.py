"""Postgres: one engine, and transactions that belong to one tenant."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from mapper_svc.domain.errors import StorageUnavailableError

# InternalError is, among others, a standby that takes no writes.
_UNAVAILABLE = (OperationalError, InterfaceError, InternalError, PoolTimeoutError, TimeoutError, OSError)
_SET_TENANT = text("select set_config('app.tenant_id', :tenant, true)")


class Database:
    """The service's way to its own schema.

    Args:
        url: DSN of the runtime role, which owns nothing and cannot bypass row-level security.
        pool_size: pooled connections.
        statement_timeout_ms: after this a statement is cancelled by the server.
    """

    def __init__(self, url: str, *, pool_size: int, statement_timeout_ms: int) -> None:
        # The server cancels a slow statement; this covers a server that does not answer at all.
        self._limit_s = statement_timeout_ms / 1000 + 1
        self._engine: AsyncEngine = create_async_engine(
            url,
            pool_size=pool_size,
            max_overflow=0,
            pool_timeout=2,
            pool_pre_ping=True,
            hide_parameters=True,  # parameters may be raw labels; errors must not quote them
            connect_args={
                "connect_timeout": 3,
                # The server's own zone may be any; what this service calls UTC is read in UTC.
                "options": f"-c TimeZone=UTC -c statement_timeout={statement_timeout_ms}"
                " -c lock_timeout=2000",
            },
        )

    @asynccontextmanager
    async def tenant(self, tenant_id: UUID) -> AsyncIterator[AsyncConnection]:
        """Open a transaction that sees and writes this tenant's rows only; commits on a clean exit."""
        async with self._transaction() as connection:
            await connection.execute(_SET_TENANT, {"tenant": str(tenant_id)})
            yield connection

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with asyncio.timeout(self._limit_s), self._engine.begin() as connection:
                yield connection
        except _UNAVAILABLE as error:
            raise StorageUnavailableError from error

    async def warm_up(self) -> None:
        """Open a first connection, so that no request has to wait for it; none is no matter here."""
        with suppress(StorageUnavailableError):
            async with self._transaction() as connection:
                await connection.execute(text("select 1"))

    async def ping(self) -> None:
        """Raise when the database does not answer."""
        async with self._engine.connect() as connection:
            await connection.execute(text("select 1"))

    async def close(self) -> None:
        """Close every pooled connection."""
        await self._engine.dispose()
