"""Which schemas are up to date already: asking the database is quicker than starting three migrators."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg import Connection
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow
from psycopg.sql import SQL, Identifier, Literal

from deploy.local.service_commands import migrate
from deploy.local.services import SERVICES, Service
from deploy.local.stack import Stack

VERSION_TABLE = "alembic_version"


def migrate_stale(stack: Stack) -> list[Service]:
    """Migrate the services whose schema is not what their migration files make; return them.

    The comment on a schema keeps the digest of the files and the version that they led to, so that neither
    an edited file nor a version changed by hand goes unseen.

    Raises:
        SetupError: a migration failed.
    """
    if stack.cluster is None:
        # The administrator of somebody's own server may not be allowed to look.
        migrate(stack, SERVICES)
        return list(SERVICES)
    with _inside(stack) as admin:
        stale = [service for service in SERVICES if not _up_to_date(admin, service)]
    migrate(stack, stale)
    with _inside(stack) as admin:
        for service in stale:
            comment = Literal(_state(_digest(service), _version(admin, service)))
            admin.execute(SQL("COMMENT ON SCHEMA {} IS {}").format(Identifier(service.name), comment))
    return stale


@contextmanager
def _inside(stack: Stack) -> Iterator[Connection[TupleRow]]:
    with psycopg.connect(make_conninfo(stack.admin_dsn, dbname=stack.settings.database)) as admin:
        yield admin


def _up_to_date(admin: Connection[TupleRow], service: Service) -> bool:
    version = _version(admin, service)
    recorded = admin.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s", [service.name]
    ).fetchone()
    return version is not None and recorded == (_state(_digest(service), version),)


def _state(digest: str, version: str | None) -> str:
    return f"migration files {digest} led to version {version}"


def _version(admin: Connection[TupleRow], service: Service) -> str | None:
    table = f"{service.name}.{VERSION_TABLE}"
    there = admin.execute("SELECT to_regclass(%s)", [table]).fetchone()
    if not there or there[0] is None:
        return None
    rows = admin.execute(SQL("SELECT version_num FROM {}").format(Identifier(service.name, VERSION_TABLE)))
    return ",".join(sorted(row[0] for row in rows.fetchall())) or None


def _digest(service: Service) -> str:
    spec = find_spec(service.module)
    folders = [Path(place) for place in (spec.submodule_search_locations or [])] if spec else []
    digest = hashlib.sha256()
    for file in sorted(file for folder in folders for file in (folder / "migrations").rglob("*.py")):
        digest.update(file.name.encode() + file.read_bytes())
    return digest.hexdigest()[:16]
