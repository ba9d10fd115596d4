"""`python -m deploy.local up|down|demo|status`, from the checkout."""

import argparse
import sys
from collections.abc import Callable

from deploy.local.demo import demo
from deploy.local.down import down
from deploy.local.failure import SetupError
from deploy.local.progress import Progress
from deploy.local.settings import StackSettings, read_settings
from deploy.local.status import status
from deploy.local.up import up

COMMANDS: dict[str, tuple[Callable[[StackSettings, Progress], object], str]] = {
    "up": (up, "start everything, show one real answer, stay until Ctrl-C"),
    "down": (down, "stop it from another terminal; the data is kept"),
    "demo": (demo, "send the demo request to the stack that is up"),
    "status": (status, "say what runs"),
}


def main() -> int:
    """Run one command; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description="The stack on this machine.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, (_, meaning) in COMMANDS.items():
        commands.add_parser(name, help=meaning)
    chosen = COMMANDS[parser.parse_args().command][0]
    progress = Progress()
    try:
        answer = chosen(read_settings(), progress)
    except SetupError as error:
        complaint = Progress(sys.stderr)
        complaint.line(complaint.paint(f"\n{error.problem}", "red"))
        complaint.line("\n".join(f"  {line}" for line in error.hint.splitlines()))
        return 1
    return 1 if answer is False else 0


if __name__ == "__main__":
    sys.exit(main())
