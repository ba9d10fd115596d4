import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[4]
TEXT = "Write to jane.doe@example.com, my card is 4111 1111 1111 1111, use AKIAIOSFODNN7EXAMPLE please."

OFFLINE = """
import sys
wanted = []
def refuse(event, args):
    if event in {"socket.getaddrinfo", "socket.connect", "socket.sendto"}:
        wanted.append(str(args))
        raise OSError("no network")
sys.addaudithook(refuse)
from orchestration_svc.adapters.plugins import load_plugins
for found in load_plugins():
    found.plugin.load()
    found.plugin.detect(sys.argv[1])
sys.exit(str(wanted) if wanted else 0)
"""


@pytest.mark.slow
def test_no_detector_wants_the_network() -> None:
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, TEXT], cwd=ROOT, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
