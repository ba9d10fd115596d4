"""Becomes another program that ends with its parent: `guard.py --parent PID [options] -- command …`.

A supervisor that is killed outright cannot stop what it started. On Linux the kernel can: a process
may ask for a signal when its parent dies. This file asks for it and then becomes the command. It imports
nothing but the standard library, so that it starts in milliseconds and without the project on the path.
"""

import argparse
import ctypes
import os
import pwd
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
"""From <linux/prctl.h>."""

STACK = "LLAMA_MAPPER_STACK"
"""Set to the run folder in the environment of every process of a stack, by which a lost one is found."""

PROGRAM = "LLAMA_MAPPER_PROGRAM"
"""Set to the name of the program in the environment of one that was started with --alone."""


def end_with_parent(parent: int, death_signal: signal.Signals) -> None:
    """Ask the kernel for `death_signal` when the parent dies; other systems have no such call.

    Raises:
        SystemExit: the parent was gone before the kernel was asked.
    """
    if sys.platform != "linux":
        return
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if parent and os.getppid() != parent:
        raise SystemExit(f"guard: process {parent} is gone, so nothing is started")


def end_earlier_life(program: str) -> None:
    """Kill what an earlier life of a program left behind, and mark the one that begins.

    A server that was killed outright cannot stop its own workers, and they would hold its port.
    """
    mark = f"{PROGRAM}={program}".encode()
    stack = f"{STACK}={os.environ.get(STACK, '')}".encode()
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "environ").read_bytes().split(b"\0")
            if mark in told and stack in told and int(folder.name) != os.getpid():
                os.kill(int(folder.name), signal.SIGKILL)
        except OSError:
            continue  # it ended, or belongs to somebody else
    os.environ[PROGRAM] = program


def drop_to(user: str) -> None:
    """Give up root for `user`. The kernel forgets the death signal here, so this comes before it."""
    entry = pwd.getpwnam(user)
    os.setgroups([])
    os.setgid(entry.pw_gid)
    os.setuid(entry.pw_uid)


def read_environment(path: Path) -> dict[str, str]:
    """Read NAME=value lines; a line without '=' or one beginning with '#' says nothing."""
    lines = path.read_text(encoding="utf-8").splitlines()
    pairs = (line.partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name: value for name, _, value in pairs}


def main(arguments: list[str]) -> None:
    """Take on the environment, the user and the bond to the parent, then become the command."""
    parser = argparse.ArgumentParser(prog="guard", description=__doc__)
    parser.add_argument("--parent", type=int, default=0, help="the process whose end is ours, if still ours")
    parser.add_argument("--signal", default="TERM", help="what to send at its end")
    parser.add_argument("--user", help="the system user to become (needs root)")
    parser.add_argument(
        "--environment", type=Path, action="append", default=[], help="file of NAME=value lines"
    )
    parser.add_argument("--alone", metavar="NAME", help="end what this program left behind earlier")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args(arguments)
    if options.alone:
        end_earlier_life(options.alone)
    environment = dict(os.environ)
    for file in options.environment:
        environment |= read_environment(file)
    if options.user is not None:
        drop_to(options.user)
    # No number: the parent is whoever it is. A supervisor cannot write its own into its settings.
    end_with_parent(options.parent, signal.Signals[f"SIG{options.signal}"])
    os.execvpe(options.command[0], options.command, environment)  # noqa: S606 - becoming the command is the job


if __name__ == "__main__":
    main(sys.argv[1:])
