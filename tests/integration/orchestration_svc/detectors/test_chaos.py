"""Detectors are killed, hang, talk slowly or nonsense; every request is answered and every status is true."""

import pytest

from benchmarks.chaos_run import DETECTORS, FAULTS, run_chaos


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_no_request_is_lost_or_called_clean_by_a_detector_in_trouble() -> None:
    report = await run_chaos(seconds=13, rate=5, fault_s=2.0)
    assert set(report.faults) == set(FAULTS)
    assert (report.sent, report.lost, report.untrue) == (65, 0, 0)
    assert report.without_any == 0, "two of eight are in trouble; the others look at every text"
    assert report.statuses["success"] > 0
    assert report.back_again == DETECTORS
