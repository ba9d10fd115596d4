from datetime import UTC, datetime
from pathlib import Path

import pytest

from pipelines.lib.release.approval_log import Act, ApprovalLog, Entry, LogFaultError

ENTRY = Entry(datetime(2026, 11, 20, tzinfo=UTC), Act.APPROVE, "m", 1, "r", "c", "Ada", "good", "ada")


def filled(path: Path) -> ApprovalLog:
    log = ApprovalLog(path)
    for _ in range(3):
        log.add(ENTRY)
    return log


def test_entries_come_back_in_order_and_each_names_the_one_before(tmp_path: Path) -> None:
    entries = filled(tmp_path / "log").entries()
    assert [one.before for one in entries[1:]] == [one.sha256 for one in entries[:-1]]


@pytest.mark.parametrize("removed", [0, 1])
def test_a_line_that_was_taken_out_is_noticed(tmp_path: Path, removed: int) -> None:
    log = filled(tmp_path / "log")
    lines = (tmp_path / "log").read_text().splitlines(keepends=True)
    del lines[removed]
    (tmp_path / "log").write_text("".join(lines))
    with pytest.raises(LogFaultError):
        log.entries()


def test_what_a_kill_left_of_a_line_is_no_entry_and_does_not_break_the_next(tmp_path: Path) -> None:
    log = filled(tmp_path / "log")
    with (tmp_path / "log").open("a") as file:
        file.write('{"at": "2026-11-2')
    assert len(log.entries()) == 3
    log.add(ENTRY)
    assert len(log.entries()) == 4


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert ApprovalLog(tmp_path / "none").entries() == []
