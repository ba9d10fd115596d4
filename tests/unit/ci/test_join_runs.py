import os
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.ci.join_runs import MissingReportError, join

NEEDS = """
import os
import pytest
if "LIBRARY" not in os.environ:
    pytest.skip("not installed", allow_module_level=True)
def test_one(): pass
@pytest.mark.parametrize("n", [1, 2])
def test_two(n): assert n == 1 or "BROKEN" not in os.environ
"""
PLAIN = """
import os
import pytest
def test_always(): pass
@pytest.mark.skip(reason="never")
def test_never(): pass
@pytest.mark.skipif("LIBRARY" not in os.environ, reason="not installed")
def test_sometimes(): pass
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "test_needs.py").write_text(NEEDS)
    (tmp_path / "test_plain.py").write_text(PLAIN)
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    return tmp_path


def run(project: Path, name: str, **environment: str) -> Path:
    report = project / f"{name}.xml"
    subprocess.run(
        [sys.executable, "-m", "pytest", "-q", f"--junitxml={report}", "."],
        cwd=project,
        # No plugins: what they bring takes longer to load than these tests to run.
        env=os.environ | environment | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        stdout=subprocess.DEVNULL,
        check=False,
    )
    return report


def test_what_the_second_run_ran_is_no_longer_skipped(project: Path) -> None:
    first, second = run(project, "first"), run(project, "second", LIBRARY="1")
    assert join([first]).startswith("1 passed, 3 skipped in ")
    assert join([first, second]).startswith("5 passed, 1 skipped in ")


def test_a_failure_of_either_run_is_counted(project: Path) -> None:
    first, second = run(project, "first"), run(project, "second", LIBRARY="1", BROKEN="1")
    assert join([first, second]).startswith("1 failed, 4 passed, 1 skipped in ")
    assert join([second, first]).startswith("1 failed, 4 passed, 1 skipped in ")


def test_a_run_that_left_no_report_is_named(project: Path) -> None:
    with pytest.raises(MissingReportError, match=r"killed\.xml"):
        join([run(project, "first"), project / "killed.xml"])
