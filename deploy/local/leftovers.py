"""Processes of a stack whose terminal died without stopping it."""

import psutil

from deploy.local.postgres import Cluster, running_server
from deploy.local.supervision import MARK

PATIENCE_SECONDS = 15


def find_leftovers(run: str, cluster: Cluster | None) -> list[psutil.Process]:
    """Return what still runs of the stack in `run`: processes that carry its mark, and its database server.

    PostgreSQL overwrites its own environment with a title, so that one is known by its lock file.
    """
    own = {psutil.Process().pid, *(parent.pid for parent in psutil.Process().parents())}
    found = []
    for process in psutil.process_iter():
        try:
            if process.pid not in own and process.environ().get(MARK) == run:
                found.append(process)
        except (psutil.Error, OSError):
            continue  # it ended, or belongs to another user, whose stack this is not
    server = running_server(cluster) if cluster else None
    return found + ([server] if server and server not in found else [])


def stop_leftovers(run: str, cluster: Cluster | None) -> list[str]:
    """Stop them in order, by force if that takes too long; return their names."""
    found = find_leftovers(run, cluster)
    names = []
    for process in found:
        try:
            names.append(process.name())
            if process.name() == "postgres":
                process.send_signal(2)  # SIGINT: a fast, clean shutdown, not one that waits for its clients
            else:
                process.terminate()
        except psutil.NoSuchProcess:
            continue
    _, stubborn = psutil.wait_procs(found, timeout=PATIENCE_SECONDS if found else 0)
    for process in stubborn:
        process.kill()
    psutil.wait_procs(stubborn, timeout=5)
    return sorted(set(names))
