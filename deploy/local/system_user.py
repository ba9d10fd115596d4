"""Which system user PostgreSQL runs as: it refuses root."""

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from deploy.local.failure import SetupError

DEFAULT_NAME = "llama-mapper"


@dataclass(frozen=True, slots=True)
class SystemUser:
    """A user to drop to; exists only when the stack itself is started by root."""

    name: str
    uid: int
    gid: int

    def owns(self, path: Path) -> None:
        """Make this user the owner of `path`."""
        os.chown(path, self.uid, self.gid)

    def can_reach(self, path: Path) -> bool:
        """Tell whether this user may pass through every folder above `path` and execute or enter it."""
        probe = subprocess.run(
            ["/usr/bin/env", "test", "-x", str(path)],
            user=self.uid,
            group=self.gid,
            extra_groups=[],
            cwd="/",
            check=False,
        )
        return probe.returncode == 0


def user_for_postgres(name: str = DEFAULT_NAME) -> SystemUser | None:
    """Return the user PostgreSQL drops to, made if need be, or None when the caller is not root.

    Raises:
        SetupError: the user is missing and cannot be made, or is root itself.
    """
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        _make(name)
        entry = pwd.getpwnam(name)
    if entry.pw_uid == 0:
        raise SetupError(
            "PostgreSQL refuses to run as root",
            hint="set LLAMA_MAPPER_POSTGRES_USER to another system user",
        )
    return SystemUser(name, entry.pw_uid, entry.pw_gid)


def _make(name: str) -> None:
    tool = shutil.which("useradd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    hint = "create one yourself and name it in LLAMA_MAPPER_POSTGRES_USER, or do not run as root"
    if tool is None:
        raise SetupError(f"no system user {name!r} for PostgreSQL, and no useradd to make it", hint=hint)
    made = subprocess.run(
        [
            tool,
            "--system",
            "--no-create-home",
            "--home-dir",
            "/nonexistent",
            "--shell",
            "/usr/sbin/nologin",
            name,
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    already_there = 9  # another start made it in the meantime
    if made.returncode not in (0, already_there):
        raise SetupError(f"could not make the system user {name!r}: {made.stderr.strip()}", hint=hint)
