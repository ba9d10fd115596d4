"""The steps that bring a stack up, in their order."""

import time
from collections.abc import Callable

from deploy.local import postgres, valkey
from deploy.local.failure import SetupError
from deploy.local.migrations import migrate_stale
from deploy.local.progress import Progress
from deploy.local.readiness import wait_for_detectors, wait_until_ready
from deploy.local.services import SERVICES
from deploy.local.stack import REPORT_WORKER, WORKER, Stack
from deploy.local.supervision import Supervisor
from deploy.postgres.bootstrap import ServiceDatabase, UnsafeRoleError, bootstrap

READY_SECONDS = 90
FAILED_STATES = {"BACKOFF", "EXITED", "FATAL"}
LAST_LINES = 12


def start_servers(stack: Stack, progress: Progress) -> None:
    """Start database and cache, or see that the ones given answer."""
    if stack.cluster and not stack.cluster.initialised:
        with progress.step("PostgreSQL's data folder") as notes:
            postgres.initialise(stack.cluster)
            notes.append(str(stack.cluster.data))
    supervisor = Supervisor(stack.run)
    with progress.step("PostgreSQL and Valkey") as notes:
        if stack.cluster:
            if postgres.forget_dead_server(stack.cluster):
                notes.append("recovers from a crash")
            supervisor.start("postgres")
        if stack.cache:
            supervisor.start("valkey")
            valkey.wait_until_ready(
                stack.cache.port, alive=lambda: not _fallen(stack, "valkey"), hint=_log(stack, "valkey")
            )
        hint = _log(stack, "postgres") if stack.cluster else "see that LLAMA_MAPPER_POSTGRES_DSN is right"
        alive: Callable[[], bool] = lambda: not stack.cluster or not _fallen(stack, "postgres")  # noqa: E731
        # A crashed server replays its log first, which can take a while.
        postgres.wait_until_ready(
            stack.admin_dsn, seconds=60 if stack.cluster else 10, alive=alive, hint=hint
        )


def prepare_database(stack: Stack, progress: Progress) -> None:
    """Make database, roles and schemas, then the tables.

    Raises:
        SetupError: the server, a role or a migration stands in the way.
    """
    secrets = stack.credentials
    with progress.step("database, schemas and roles"):
        wanted = [
            ServiceDatabase(
                s.name, secrets.migrator(s.name), secrets.runtime(s.name), secrets.pipeline(s.name)
            )
            for s in SERVICES
        ]
        try:
            bootstrap(stack.admin_dsn, wanted, database=stack.settings.database)
        except UnsafeRoleError as error:
            raise SetupError(
                str(error), hint="ALTER ROLE … NOSUPERUSER NOBYPASSRLS, then start again"
            ) from error
    with progress.step("migrations") as notes:
        migrated = migrate_stale(stack)
        notes.append(", ".join(service.name for service in migrated) or "nothing to do")


def start_services(stack: Stack) -> None:
    """Start the three services without waiting for them."""
    supervisor = Supervisor(stack.run)
    for service in SERVICES:
        supervisor.start(service.name)


def wait_for_services(stack: Stack, progress: Progress, token: str) -> None:
    """Wait until each service says that it is ready, and until the detectors have loaded what they need.

    Raises:
        SetupError: one died or took too long; the end of its log is in the hint.
    """
    for service in SERVICES:
        with progress.step(f"{service.module} is ready"):
            hint = f"see {stack.run / 'logs' / service.name}.log"
            url, check = stack.endpoints.api_url(service.name), _death_of(stack, service.name)
            wait_until_ready(url, seconds=READY_SECONDS, check=check, hint=hint)
    with progress.step("the detectors are ready") as notes:
        url, check = stack.endpoints.api_url("orchestration"), _death_of(stack, "orchestration")
        states = wait_for_detectors(url, token, seconds=READY_SECONDS, check=check)
        ready = [name for name, state in states.items() if state == "ready"]
        notes.append(", ".join(ready))
        notes.extend(f"not {name}: {state}" for name, state in states.items() if state != "ready")


def start_workers(stack: Stack, progress: Progress) -> None:
    """Start what runs jobs and makes reports: last, as nothing else should wait for that.

    Raises:
        SetupError: one ended at once or took too long; the end of its log is in the hint.
    """
    supervisor = Supervisor(stack.run)
    with progress.step("the workers of jobs and reports"):
        for name in (WORKER, REPORT_WORKER):
            supervisor.start(name)
        deadline = time.monotonic() + READY_SECONDS
        for name in (WORKER, REPORT_WORKER):
            while supervisor.states()[name].state != "RUNNING":
                _death_of(stack, name)()
                if time.monotonic() > deadline:
                    raise SetupError(f"{name} does not settle", hint=_log(stack, name))
                time.sleep(0.05)


def _death_of(stack: Stack, program: str) -> Callable[[], None]:
    """Return a check that raises once `program` has ended, with the end of its log."""

    def check() -> None:
        if _fallen(stack, program):
            raise SetupError(f"{program} ended right after its start", hint=_log(stack, program))

    return check


def _fallen(stack: Stack, program: str) -> bool:
    return Supervisor(stack.run).states()[program].state in FAILED_STATES


def _log(stack: Stack, program: str) -> str:
    path = stack.run / "logs" / f"{program}.log"
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []
    return "\n".join([f"the end of {path}:", *lines[-LAST_LINES:]])
