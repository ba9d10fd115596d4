"""Statistics are computed elsewhere, and whatever happens there the service goes on."""

import os
import signal
import subprocess
import sys

import pytest

from analysis_svc.adapters.insights import statistics_process
from analysis_svc.adapters.insights.statistics_process import StatisticsProcess
from analysis_svc.domain.errors import ErrorCode, ServiceError
from tests.unit.analysis_svc.insights.observations import observation

EMAIL = "PII.Contact.Email"


def kill_yourself(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


async def test_process_that_is_killed_costs_one_answer_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    process = StatisticsProcess()
    few = observation({EMAIL: lambda _: 0.1}, buckets=2)
    try:
        with monkeypatch.context() as patched:
            patched.setattr(statistics_process, "_find", kill_yourself)
            with pytest.raises(ServiceError) as refused:
                await process.find(few, None)
        assert refused.value.code is ErrorCode.SERVICE_UNAVAILABLE
        found = await process.find(few, None)
        assert found.analyses == sum(group.analyses for group in few.groups)
    finally:
        process.close()


async def test_more_than_can_wait_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics_process, "MOST_WAITING", 0)
    with pytest.raises(ServiceError) as refused:
        await StatisticsProcess().find(observation({}, buckets=1), None)
    assert refused.value.code is ErrorCode.SERVICE_UNAVAILABLE


def test_service_itself_never_loads_the_statistics() -> None:
    code = (
        "import sys, analysis_svc.app\n"
        "assert not {'statsmodels', 'ruptures', 'scipy', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
