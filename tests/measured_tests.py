"""Which tests the coverage is measured of, where `--cov` asks for it: the services' own, but none that draws.

Tracing every line doubles the processor time of a test. The property tests run the most lines, over and over,
and those of what is built around the services are not asked about; all of them run untraced.
"""

from collections.abc import Generator

import pytest
from coverage import Coverage

_ROOMS = ("tests/contracts/", "tests/integration/test_row_level_security.py")
_SERVICES = ("orchestration_svc", "mapper_svc", "analysis_svc")
_MEASURED = (*_ROOMS, *(f"tests/{kind}/{name}/" for kind in ("unit", "integration") for name in _SERVICES))
_DRAWN = "tests/contracts/test_schemathesis.py"


class MeasuredTests:
    """Pauses the coverage that runs when it is made, for every test but the measured ones.

    What is imported while tests are collected is measured still.
    """

    def __init__(self) -> None:
        self._coverage = Coverage.current()
        self._measures = True

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        """Measure or not, fixtures included."""
        if self._coverage is not None:
            self._measure(self._coverage, wanted=is_measured(item))
        return (yield)

    def _measure(self, coverage: Coverage, *, wanted: bool) -> None:
        if wanted and not self._measures:
            coverage.start()
        elif self._measures and not wanted:
            coverage.stop()
        self._measures = wanted


def is_measured(item: pytest.Item) -> bool:
    """Tell whether the lines that a test runs count."""
    drawn = item.nodeid.startswith(_DRAWN) or item.get_closest_marker("hypothesis") is not None
    return item.nodeid.startswith(_MEASURED) and not drawn
