"""The supervisor: its configuration, its start, and questions to it over a private socket."""

import hashlib
import os
import subprocess
import sys
import tempfile
import time
import xmlrpc.client
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from supervisor.xmlrpc import Faults, SupervisorTransport

from deploy.local import guard
from deploy.local.credentials import write_private
from deploy.local.failure import SetupError

GUARD = Path(__file__).with_name("guard.py")
LONGEST_SOCKET_PATH = 100
"""Systems allow 104 to 108 bytes."""

MARK = guard.STACK


@dataclass(frozen=True, slots=True)
class Program:
    """One process to keep running.

    Attributes:
        name: its name under the supervisor and of its log.
        command: what to run.
        stop_signal: what ends it in order.
        settles_seconds: a death within this time after the start counts as a failed start and is waited out.
        stop_seconds: after this it is killed.
    """

    name: str
    command: Sequence[str]
    stop_signal: str = "TERM"
    settles_seconds: int = 2
    stop_seconds: int = 20  # a service gives its requests ten, and then closes what it opened


@dataclass(frozen=True, slots=True)
class ProgramState:
    """What the supervisor says about one program.

    Attributes:
        name: of the program.
        state: RUNNING, STARTING, BACKOFF, FATAL, STOPPED, …
        pid: 0 when it does not run.
        started: Unix time of the last start.
    """

    name: str
    state: str
    pid: int
    started: float


def socket_path(run: Path) -> Path:
    """Return where the supervisor of `run` listens: inside, or in a short private folder."""
    inside = run / "supervisor.sock"
    if len(os.fsencode(inside)) <= LONGEST_SOCKET_PATH:
        return inside
    digest = hashlib.sha256(os.fsencode(run)).hexdigest()[:16]
    folder = Path(tempfile.gettempdir(), f"llama-mapper-{os.geteuid()}-{digest}")
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if found.st_uid != os.geteuid() or found.st_mode & 0o077 or folder.is_symlink():
        raise SetupError(
            f"{folder} belongs to somebody else", hint="set LLAMA_MAPPER_RUN_DIR to a shorter path"
        )
    return folder / "supervisor.sock"


def write_configuration(run: Path, programs: Sequence[Program]) -> Path:
    """Write the supervisor's configuration; it holds no secret."""
    sections = [
        "[unix_http_server]",
        f"file={_literal(socket_path(run))}",
        "chmod=0700",
        "[rpcinterface:supervisor]",
        "supervisor.rpcinterface_factory = supervisor.rpcinterface:make_main_rpcinterface",
        "[supervisord]",
        "nodaemon=true",
        "silent=true",
        f"logfile={_literal(run / 'logs' / 'supervisor.log')}",
        "logfile_maxbytes=0",
        f"pidfile={_literal(run / 'supervisor.pid')}",
        "umask=077",
        # Root is asked for twice by supervisor; whoever starts the stack is who runs it.
        *(["user=root"] if os.geteuid() == 0 else []),
    ]
    for place, program in enumerate(programs):
        sections += [
            f"[program:{program.name}]",
            f"command={' '.join(_quoted(part) for part in program.command)}",
            f"stdout_logfile={_literal(run / 'logs' / program.name)}.log",
            "stdout_logfile_maxbytes=10MB",
            "stdout_logfile_backups=2",
            f"directory={_literal(run)}",
            "redirect_stderr=true",
            "autostart=false",
            f"priority={place}",  # stopped in reverse: the databases last
            "autorestart=true",
            f"startsecs={program.settles_seconds}",
            # The pause grows by a second with each failed start; giving up would need a person to notice.
            "startretries=1000",
            f"stopsignal={program.stop_signal}",
            f"stopwaitsecs={program.stop_seconds}",
            "killasgroup=true",
        ]
    path = run / "supervisord.conf"
    write_private(path, "\n".join(sections) + "\n")
    return path


def _literal(value: object) -> str:
    return str(value).replace("%", "%%")


def _quoted(part: str) -> str:
    # supervisor splits with shlex, after it has filled in %(…)s.
    return '"' + _literal(part).replace("\\", "\\\\").replace('"', '\\"') + '"'


def start_supervisor(
    run: Path, configuration: Path, environment: Mapping[str, str]
) -> subprocess.Popen[bytes]:
    """Start the supervisor as a child that ends with us, out of reach of the terminal's own Ctrl-C.

    Raises:
        SetupError: it ended at once, or does not answer.
    """
    log = run / "logs" / "supervisor-start.log"
    command = [sys.executable, "-I", "-S", str(GUARD), "--parent", str(os.getpid()), "--"]
    command += [
        sys.executable,
        "-c",
        "from supervisor.supervisord import main; main()",
        "-c",
        str(configuration),
    ]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env=environment,
        )
    supervisor = Supervisor(run)
    deadline = time.monotonic() + 15
    while not supervisor.answers():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            words = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            raise SetupError(
                f"the supervisor did not start: {(words or ['no output'])[-1]}", hint=f"see {log}"
            )
        time.sleep(0.05)
    return process


class Supervisor:
    """Questions and orders to the supervisor of one run folder."""

    def __init__(self, run: Path) -> None:
        self._url = f"unix://{socket_path(run)}"

    def answers(self) -> bool:
        """Tell whether a supervisor is there."""
        try:
            self._call("getState")
        except (OSError, xmlrpc.client.Error):
            return False
        return True

    def start(self, name: str) -> None:
        """Start a program without waiting for it to settle; one that runs is left as it is."""
        wait = False
        self._call("startProcess", name, wait, unless=Faults.ALREADY_STARTED)

    def stop(self, name: str) -> None:
        """Stop a program and wait until it has ended; it stays stopped until it is started again."""
        self._call("stopProcess", name, unless=Faults.NOT_RUNNING)

    def states(self) -> dict[str, ProgramState]:
        """Return the state of every program by name."""
        answer = cast("list[dict[str, Any]]", self._call("getAllProcessInfo"))
        return {
            info["name"]: ProgramState(info["name"], info["statename"], info["pid"], info["start"])
            for info in answer
        }

    def _call(self, method: str, *arguments: object, unless: int | None = None) -> object:
        # A connection for each call: the transport cannot use one again after it broke.
        transport = SupervisorTransport(None, None, serverurl=self._url)
        with xmlrpc.client.ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            try:
                return getattr(proxy.supervisor, method)(*arguments)
            except xmlrpc.client.Fault as fault:
                if fault.faultCode != unless:
                    raise
                return None
