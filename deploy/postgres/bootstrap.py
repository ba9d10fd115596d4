"""One database, and for each service a schema with three roles. An administrator may run it at any time."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

LOCK = 0x6C6C616D61
"""Held while roles are made: two starts at once would trip over each other."""
EXTENSIONS = {"analysis": ("vector",)}
"""What only a superuser may make, by the schema that it is made in: that is where the search path leads."""


@dataclass(frozen=True, slots=True)
class ServiceDatabase:
    """What one service owns in the database.

    Attributes:
        schema: its schema; the roles are named after it.
        migrator_password: of `<schema>_migrator`, which owns the schema and its tables.
        runtime_password: of `<schema>_runtime`, which owns nothing and never passes row-level security.
        pipeline_password: of `<schema>_pipeline`, by which pipelines reach what migrations let them
            see; empty: the role is there for the migrations, and nobody can log in as it.
    """

    schema: str
    migrator_password: str
    runtime_password: str
    pipeline_password: str = ""

    @property
    def migrator(self) -> str:
        """The role that migrations run as."""
        return f"{self.schema}_migrator"

    @property
    def runtime(self) -> str:
        """The role that the service runs as."""
        return f"{self.schema}_runtime"

    @property
    def pipeline(self) -> str:
        """The role that pipelines run as."""
        return f"{self.schema}_pipeline"


class UnsafeRoleError(Exception):
    """A role that exists already has a power that would defeat row-level security."""


def bootstrap(admin_dsn: str, services: Iterable[ServiceDatabase], *, database: str = "llama_mapper") -> None:
    """Bring roles, database and schemas to what `services` say; what is there already is kept.

    Args:
        admin_dsn: of a superuser, or of a role that may create roles and databases.
        services: what each service gets.
        database: the name of the one database that holds all schemas.

    Raises:
        UnsafeRoleError: an existing role is a superuser or passes row-level security.
        psycopg.Error: the server refused; nothing half done hurts a second run.
    """
    services = tuple(services)
    with psycopg.connect(admin_dsn, autocommit=True) as admin:
        admin.execute("SELECT pg_advisory_lock(%s)", [LOCK])
        for service in services:
            _ensure_role(admin, service.migrator, service.migrator_password)
            _ensure_role(admin, service.runtime, service.runtime_password)
            _ensure_role(admin, service.pipeline, service.pipeline_password)
        if not admin.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
            admin.execute(SQL("CREATE DATABASE {}").format(Identifier(database)))
        admin.execute(SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(Identifier(database)))
        with psycopg.connect(make_conninfo(admin_dsn, dbname=database)) as inside:
            inside.execute("REVOKE ALL ON SCHEMA public FROM PUBLIC")
            for service in services:
                _ensure_schema(inside, service, database)


def _ensure_role(admin: Connection[TupleRow], role: str, password: str) -> None:
    found = admin.execute("SELECT rolsuper, rolbypassrls FROM pg_roles WHERE rolname = %s", [role]).fetchone()
    if found and any(found):
        raise UnsafeRoleError(
            f"role {role} is a superuser or passes row-level security: take that away first"
        )
    verb = SQL("ALTER ROLE" if found else "CREATE ROLE")
    if not password:
        admin.execute(SQL("{} {} NOLOGIN PASSWORD NULL").format(verb, Identifier(role)))
        return
    # Hashed here, so that the password is in no statement and hence in no log of the server.
    secret = admin.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    admin.execute(SQL("{} {} LOGIN PASSWORD {}").format(verb, Identifier(role), Literal(secret)))


def _ensure_schema(inside: Connection[TupleRow], service: ServiceDatabase, database: str) -> None:
    names = (service.schema, service.migrator, service.runtime, service.pipeline)
    schema, migrator, runtime, pipeline = map(Identifier, names)
    for role in (migrator, runtime, pipeline):
        inside.execute(SQL("GRANT CONNECT ON DATABASE {} TO {}").format(Identifier(database), role))
        inside.execute(
            SQL("ALTER ROLE {} IN DATABASE {} SET search_path = {}").format(
                role, Identifier(database), schema
            )
        )
    with _as_member_of(inside, migrator):
        inside.execute(SQL("CREATE SCHEMA IF NOT EXISTS {} AUTHORIZATION {}").format(schema, migrator))
        inside.execute(SQL("REVOKE ALL ON SCHEMA {} FROM PUBLIC").format(schema))
        inside.execute(SQL("GRANT USAGE ON SCHEMA {} TO {}, {}").format(schema, runtime, pipeline))
    for extension in EXTENSIONS.get(service.schema, ()):
        inside.execute(
            SQL("CREATE EXTENSION IF NOT EXISTS {} SCHEMA {}").format(Identifier(extension), schema)
        )


@contextmanager
def _as_member_of(inside: Connection[TupleRow], role: Identifier) -> Iterator[None]:
    """Let an administrator who is no superuser give a schema to `role`, and no longer than that."""
    superuser = inside.execute("SELECT rolsuper FROM pg_roles WHERE rolname = current_user").fetchone()
    if superuser == (True,):
        yield
        return
    inside.execute(SQL("GRANT {} TO CURRENT_USER").format(role))
    yield
    inside.execute(SQL("REVOKE {} FROM CURRENT_USER").format(role))
