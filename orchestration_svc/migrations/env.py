"""Runs this service's migrations in its own schema, one runner at a time."""

from alembic import context
from sqlalchemy import create_engine, pool, text

from orchestration_svc.adapters.tables import SCHEMA, metadata

engine = create_engine(
    context.config.attributes["url"],
    poolclass=pool.NullPool,
    hide_parameters=True,
    # A migration waits for nobody long: better it fails and is run again than that requests queue behind it.
    connect_args={"options": "-c lock_timeout=4000"},
)
with engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=metadata, version_table_schema=SCHEMA, include_schemas=True
    )
    with context.begin_transaction():
        lock = text("select pg_advisory_xact_lock(hashtext(:name))")
        connection.execute(lock, {"name": f"migrate {SCHEMA}"})
        context.run_migrations()
engine.dispose()
