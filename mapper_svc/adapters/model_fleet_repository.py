"""The registry of model versions in Postgres: each change one transaction, with its audit event."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC

import msgspec
from sqlalchemy import Row, func, select, text, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from mapper_svc.adapters.audit_repository import append_event
from mapper_svc.adapters.database import Database
from mapper_svc.adapters.tables import model_registry, model_trials, model_versions
from mapper_svc.domain.audit import OPERATOR_TENANT_ID
from mapper_svc.domain.errors import StorageUnavailableError
from mapper_svc.domain.label_model import ModelVersion
from mapper_svc.domain.model_fleet import Fleet, ModelState, ServedModel, Source, Trial, TrialKind
from mapper_svc.domain.model_transitions import Change

_REASON_MAX = 500
# A process that is cut off from the network must not hold the lock until TCP notices.
_GIVE_UP = text("set local idle_in_transaction_session_timeout = '5s'")


class ModelFleetRepository:
    """Implements the port `FleetStore`.

    Every change locks the one row of the registry, so that changes happen one after the other whoever makes
    them. A process that dies on the way leaves nothing: the transaction dies with its connection.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def revision(self) -> int:
        """Return the number of changes so far."""
        async with self._open() as connection:
            found = await connection.execute(select(model_registry.c.revision))
            return found.scalar_one_or_none() or 0

    async def load(self) -> Fleet:
        """Return every version, as one moment saw them."""
        async with self._open() as connection:
            # Shared with other readers, not with a change: no half of one is seen.
            await connection.execute(select(model_registry).with_for_update(read=True))
            return await _read(connection)

    async def change(self, step: Callable[[Fleet], Change], *, actor: str) -> Change:
        """Apply a step to the fleet as it is now, with its audit event in the operator's chain.

        Raises:
            ServiceError: whatever the step raises; nothing is changed then.
            StorageUnavailableError: the database does not answer.
        """
        first = insert(model_registry).values(id=True, revision=0).on_conflict_do_nothing()
        async with self._open() as connection:
            await connection.execute(_GIVE_UP)
            await connection.execute(first)
            await connection.execute(select(model_registry).with_for_update())
            before = await _read(connection)
            change = step(before)
            if change.action is not None:
                await _write(connection, before, change)
                await append_event(
                    connection,
                    tenant_id=OPERATOR_TENANT_ID,
                    actor=actor,
                    action=change.action,
                    subject=change.subject,
                    detail=dict(change.detail),
                )
        return change

    @asynccontextmanager
    async def _open(self) -> AsyncIterator[AsyncConnection]:
        try:
            async with self._database.tenant(OPERATOR_TENANT_ID) as connection:
                yield connection
        except SQLAlchemyError as error:  # no table yet, before the migrations
            raise StorageUnavailableError from error


async def _read(connection: AsyncConnection) -> Fleet:
    revision = (await connection.execute(select(model_registry.c.revision))).scalar_one_or_none()
    rows = await connection.execute(select(model_versions).order_by(model_versions.c.id))
    running = select(model_trials).where(model_trials.c.ended_at.is_(None))
    models = tuple(_model(row) for row in rows)
    trial = (await connection.execute(running)).one_or_none()
    return Fleet(revision=revision or 0, models=models, trial=None if trial is None else _trial(trial))


async def _write(connection: AsyncConnection, before: Fleet, change: Change) -> None:
    after = change.fleet
    known = {model.id: model for model in before.models}
    changed = [model for model in after.models if known.get(model.id) != model]
    # Who leaves goes first: two that are active at once are refused by an index.
    for model in sorted(changed, key=lambda one: one.state is ModelState.ACTIVE):
        values = _columns(model)
        row = insert(model_versions).values(values)
        await connection.execute(row.on_conflict_do_update(index_elements=["id"], set_=values))
    if change.ended is not None:
        await connection.execute(
            update(model_trials)
            .where(model_trials.c.id == change.ended.trial.id)
            .values(
                ended_at=func.now(),
                outcome=change.ended.outcome.value,
                reason=change.ended.reason[:_REASON_MAX],
            )
        )
    if after.trial is not None and after.trial != before.trial:
        row = insert(model_trials).values(
            id=after.trial.id,
            kind=after.trial.kind.value,
            version=after.trial.version,
            percent=after.trial.percent,
            salt=after.trial.salt,
            started_at=after.trial.started_at,
        )
        await connection.execute(
            row.on_conflict_do_update(index_elements=["id"], set_={"percent": after.trial.percent})
        )
    await connection.execute(update(model_registry).values(revision=after.revision))


def _columns(model: ServedModel) -> dict[str, object]:
    return {
        "id": model.id,
        "version": msgspec.to_builtins(model.version),
        "url": model.url,
        "token_env": model.token_env,
        "state": model.state.value,
        "source": model.source.value,
        "created_at": model.created_at,
        "activated_at": model.activated_at,
        "left_at": model.left_at,
    }


def _model(row: Row[tuple[object, ...]]) -> ServedModel:
    return ServedModel(
        version=msgspec.convert(row.version, ModelVersion),
        url=row.url,
        token_env=row.token_env,
        state=ModelState(row.state),
        source=Source(row.source),
        created_at=row.created_at.astimezone(UTC),
        activated_at=None if row.activated_at is None else row.activated_at.astimezone(UTC),
        left_at=None if row.left_at is None else row.left_at.astimezone(UTC),
    )


def _trial(row: Row[tuple[object, ...]]) -> Trial:
    return Trial(
        id=row.id,
        kind=TrialKind(row.kind),
        version=row.version,
        percent=row.percent,
        salt=bytes(row.salt),
        started_at=row.started_at.astimezone(UTC),
    )
