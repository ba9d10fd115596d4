from pathlib import Path

import pytest

from deploy.local.events import Event, EventLog, read_event


@pytest.mark.parametrize(
    ("line", "event"),
    [
        (
            "2026-11-22 01:07:37,659 WARN exited: mapper (terminated by SIGKILL; not expected)",
            Event("died", "mapper", "terminated by SIGKILL"),
        ),
        (
            "2026-11-22 01:07:37,659 WARN exited: valkey (exit status 1; not expected)",
            Event("died", "valkey", "exit status 1"),
        ),
        ("2026-11-22 01:07:38,661 INFO spawned: 'mapper' with pid 8723", None),
        (
            "2026-11-22 01:07:38,661 INFO gave up: analysis entered FATAL state, too many start retries",
            Event("gave up", "analysis", "entered FATAL state, too many start retries"),
        ),
        ("2026-11-22 01:07:42,251 WARN stopped: analysis (terminated by SIGTERM)", None),
        ("no line of the supervisor", None),
    ],
)
def test_a_line_tells_what_happened(line: str, event: Event | None) -> None:
    assert read_event(line) == event


def test_only_what_is_new_and_whole_is_told(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("WARN exited: mapper (exit status 1; not expected)\n")
    log = EventLog(path)
    with path.open("a") as file:
        file.write("WARN exited: valkey (exit status 1; not exp")
    assert list(log.read()) == []
    with path.open("a") as file:
        file.write("ected)\n")
    assert [event.program for event in log.read()] == ["valkey"]
    assert list(log.read()) == []
