"""Sums up several runs of pytest as one: `python -m deploy.ci.join_runs REPORT.xml…`, in their order.

Prints one line of pytest's own shape. A test that several runs saw counts once, by the last that ran it:
what one environment had to skip another may have run.
"""

import sys
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

_WORDS = {"failure": "failed", "error": "error", "skipped": "skipped"}
_ORDER = ("failed", "passed", "skipped", "error")

Test = tuple[str, str]
"""Module and name; a module that skipped itself as a whole has no module and its own name."""


class MissingReportError(Exception):
    """A run left no report that can be read, as one that was killed."""


def join(reports: list[Path]) -> str:
    """Return the line for JUnit reports.

    Raises:
        MissingReportError: names the report.
    """
    found: dict[Test, str] = {}
    seconds = 0.0
    for report in reports:
        try:
            root = ET.parse(report).getroot()  # noqa: S314 - pytest wrote it a moment ago
        except (OSError, ET.ParseError) as error:
            raise MissingReportError(f"a run of the tests left no report: {report}: {error}") from error
        seconds += sum(float(suite.get("time", 0)) for suite in root.iter("testsuite"))
        for case in root.iter("testcase"):
            test = (case.get("classname", ""), case.get("name", ""))
            outcome = next((_WORDS[part.tag] for part in case if part.tag in _WORDS), "passed")
            if outcome != "skipped" or test not in found:
                found[test] = outcome
    ran = {place for (place, _), outcome in found.items() if place and outcome != "skipped"}
    counts = Counter(outcome for test, outcome in found.items() if not _ran_elsewhere(test, outcome, ran))
    parts = [f"{counts[word]} {word}" for word in _ORDER if counts[word]]
    return f"{', '.join(parts) or 'no tests ran'} in {seconds:.2f}s"


def _ran_elsewhere(test: Test, outcome: str, ran: set[str]) -> bool:
    place, name = test
    return (
        outcome == "skipped" and not place and any(one == name or one.startswith(f"{name}.") for one in ran)
    )


def main() -> None:
    """Print the line, or say which report is missing."""
    try:
        sys.stdout.write(join([Path(one) for one in sys.argv[1:]]) + "\n")
    except MissingReportError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()
