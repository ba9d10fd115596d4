import pytest

from analysis_svc.domain.analyze_requests import MOST_STORE_LIMIT_S, STORE_LIMIT_S, _store_limit_s


@pytest.mark.parametrize(
    ("within_s", "limit_s"),
    [(None, STORE_LIMIT_S), (0.1, STORE_LIMIT_S), (0.6, 0.3), (60.0, MOST_STORE_LIMIT_S)],
)
def test_database_is_waited_for_half_as_long_as_the_caller_waits(
    within_s: float | None, limit_s: float
) -> None:
    assert _store_limit_s(within_s) == limit_s
