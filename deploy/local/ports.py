"""Free and taken TCP ports of this machine."""

import socket

import psutil

HOST = "127.0.0.1"


def is_taken(port: int) -> bool:
    """Tell whether a server could not bind `port` on the loopback address."""
    with socket.socket() as probe:
        # As servers do: connections of the last run that are still closing are no obstacle.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def holder(port: int) -> str | None:
    """Name the process that listens on `port`, as far as this user may know."""
    try:
        connections = psutil.net_connections(kind="tcp")
    except psutil.AccessDenied:
        return None
    for connection in connections:
        here = getattr(connection.laddr, "port", None) == port
        if here and connection.status == psutil.CONN_LISTEN and connection.pid is not None:
            try:
                return f"{psutil.Process(connection.pid).name()} (process {connection.pid})"
            except psutil.NoSuchProcess:
                return None
    return None


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that were free a moment ago; for tests, which cannot reserve any."""
    probes = [socket.create_server((HOST, 0)) for _ in range(count)]
    try:
        return [int(probe.getsockname()[1]) for probe in probes]
    finally:
        for probe in probes:
            probe.close()
