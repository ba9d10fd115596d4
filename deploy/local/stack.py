"""What one run folder holds: its servers, programs, environment files and the lock that says it is up."""

import fcntl
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.local import model_server, postgres, valkey
from deploy.local.credentials import Credentials, load_credentials, write_private
from deploy.local.model_server import Slot, slots
from deploy.local.services import (
    SERVICES,
    Endpoints,
    Service,
    migration_environment,
    pipelines_environment,
    service_environment,
)
from deploy.local.settings import StackSettings
from deploy.local.supervision import GUARD, MARK, Program
from deploy.local.system_user import user_for_postgres

LOCK_FILE = "up.lock"
WORKER = "worker"
"""The program that runs jobs: orchestration_svc once more, in its environment."""
REPORT_WORKER = "analysis-worker"
"""The program that makes reports: analysis_svc once more, in its environment."""


@dataclass(frozen=True, slots=True)
class Stack:
    """The settings of a stack and what follows from them.

    Attributes:
        cluster: the embedded PostgreSQL; None when an own one is given.
        cache: the embedded Valkey; None when an own one is given.
    """

    settings: StackSettings
    credentials: Credentials
    cluster: postgres.Cluster | None
    cache: valkey.Cache | None

    @property
    def run(self) -> Path:
        """The run folder."""
        return self.settings.run

    @property
    def admin_dsn(self) -> str:
        """DSN of a database administrator."""
        return self.cluster.admin_dsn if self.cluster else self.settings.postgres_dsn

    @property
    def endpoints(self) -> Endpoints:
        """Where services and database listen."""
        return Endpoints(
            {service.name: self.settings.api_port(service) for service in SERVICES},
            {service.name: self.settings.metrics_port(service) for service in SERVICES},
            self.admin_dsn,
            self.settings.database,
        )

    def environment_file(self, service: Service) -> Path:
        """Return the file with what a running service is told."""
        return self.run / "env" / f"{service.name}.env"

    def migration_file(self, service: Service) -> Path:
        """Return the file with what only its migrations are told."""
        return self.run / "env" / f"{service.name}.migrate.env"

    @property
    def pipelines_file(self) -> Path:
        """Return the file with what the pipelines are told."""
        return self.run / "env" / "pipelines.env"

    def service_command(self, service: Service, *arguments: str, migration: bool = False) -> list[str]:
        """Return the command for `python -m <service> …` in the service's environment."""
        files = [self.environment_file(service), *([self.migration_file(service)] if migration else [])]
        return [
            *(sys.executable, "-I", "-S", str(GUARD)),
            *(part for file in files for part in ("--environment", str(file))),
            *("--", sys.executable, "-m", service.module, *arguments),
        ]

    def model_command(self, slot: Slot) -> list[str]:
        """Return the command for the model server in a slot; first it ends what it left behind earlier."""
        guarded = [sys.executable, "-I", "-S", str(GUARD), "--alone", slot.name]
        file = str(slot.environment_file(self.run))
        return [*guarded, "--environment", file, "--", *model_server.command(self.settings, slot)]

    def programs(self) -> list[Program]:
        """Return everything to keep running, in the order of starting."""
        servers = []
        if self.cluster:
            servers.append(Program("postgres", postgres.server_command(self.cluster), "INT", stop_seconds=20))
        if self.cache:
            servers.append(Program("valkey", valkey.server_command(self.cache)))
        services = [Program(service.name, self.service_command(service, "serve")) for service in SERVICES]
        services.append(Program(WORKER, self.service_command(SERVICES[0], "worker"), settles_seconds=1))
        services.append(
            Program(REPORT_WORKER, self.service_command(SERVICES[2], "worker"), settles_seconds=1)
        )
        models = [Program(slot.name, self.model_command(slot)) for slot in slots(self.settings)]
        return servers + services + models

    def child_environment(self) -> dict[str, str]:
        """Return what every process of this stack inherits: ours, and the mark by which it is found.

        Settings of a Bento that the shell has are left out: the model server is told its own in a file, and
        refuses to start with one that it does not know.
        """
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("LLM_", "BENTO_"))}
        return kept | {MARK: str(self.run), "PYTHONUNBUFFERED": "1"}


def open_stack(settings: StackSettings) -> Stack:
    """Make the run folder private, load or make its secrets, and say where its servers are."""
    user = None if settings.postgres_dsn else user_for_postgres(settings.postgres_user)
    run = settings.run
    run.mkdir(parents=True, exist_ok=True)
    # PostgreSQL's user must pass through on its way to its data; passing shows and reads nothing.
    run.chmod(0o711 if user else 0o700)
    for name in ("logs", "env"):
        (run / name).mkdir(mode=0o700, exist_ok=True)
    credentials = load_credentials(run)
    cluster = None
    if not settings.postgres_dsn:
        data = postgres.data_folder(run, user)
        cluster = postgres.Cluster(data, settings.postgres_port, credentials.postgres_admin, user)
    cache = None
    if not settings.redis_url:
        users = [valkey.ADMIN, *(service.name for service in SERVICES)]
        passwords = {name: credentials.cache(name) for name in users}
        cache = valkey.Cache(run / "valkey", settings.valkey_port, passwords)
    return Stack(settings, credentials, cluster, cache)


def write_environments(stack: Stack) -> None:
    """Write each service's environment files, readable by their owner alone."""
    for service in SERVICES:
        told = service_environment(
            service,
            stack.endpoints,
            runtime_password=stack.credentials.runtime(service.name),
            cache_url=stack.cache.url(service.name) if stack.cache else stack.settings.redis_url,
        )
        if service.name == "orchestration":
            told["ORCHESTRATION_KEY_ENCRYPTION_KEY"] = stack.credentials.key_encryption_key
        if service.name == "analysis":
            told["ANALYSIS_SUBJECT_KEY"] = stack.credentials.subject_key
            told["ANALYSIS_KEY_ENCRYPTION_KEY"] = stack.credentials.evidence_key_encryption_key
        if service.name == "mapper" and (first := next(iter(slots(stack.settings)), None)):
            told |= {"MAPPER_MODEL_URL": first.url, "MAPPER_MODEL_TOKEN": stack.credentials.model_token}
        _write(stack.environment_file(service), told)
        password = stack.credentials.migrator(service.name)
        _write(
            stack.migration_file(service), migration_environment(service, stack.endpoints, password=password)
        )
    told = pipelines_environment(
        stack.endpoints, {s.name: stack.credentials.pipeline(s.name) for s in SERVICES}
    )
    _write(stack.pipelines_file, told)


def _write(path: Path, variables: dict[str, str]) -> None:
    write_private(path, "".join(f"{name}={value}\n" for name, value in variables.items()))


@contextmanager
def held_lock(run: Path) -> Iterator[bool]:
    """Hold the lock of a run folder for the block and yield True, or yield False if another process has it.

    The kernel lets go of it when its holder dies, however it dies.
    """
    run.mkdir(parents=True, exist_ok=True)
    with (run / LOCK_FILE).open("a+", encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        file.truncate(0)
        file.write(f"{os.getpid()}\n")
        file.flush()
        yield True


def lock_holder(run: Path) -> int | None:
    """Return the process that has the stack of a run folder up, or None."""
    path = run / LOCK_FILE
    if not path.exists():
        return None
    with path.open(encoding="utf-8") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return int(file.read().strip() or 0) or None
    return None
