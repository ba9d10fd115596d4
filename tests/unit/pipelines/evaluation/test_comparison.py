import numpy as np
import pytest

from pipelines.lib.evaluation.comparison import compare, exact_mcnemar

TITLES = {"PII": "Personal data", "SECRET": "Secrets"}


def test_mcnemar_is_the_exact_binomial_test() -> None:
    # 2 of 12 discordant pairs: 2 * (1 + 12 + 66) / 4096.
    assert exact_mcnemar(10, 2) == pytest.approx(2 * 79 / 4096)
    assert exact_mcnemar(2, 10) == exact_mcnemar(10, 2)


def test_versions_that_never_differ_are_not_told_apart() -> None:
    assert exact_mcnemar(0, 0) == 1
    assert exact_mcnemar(5, 5) == 1


def test_many_discordant_pairs_do_not_overflow() -> None:
    assert 0 < exact_mcnemar(900, 1100) < 1e-4


def test_a_pillar_is_worse_only_below_the_interval_of_the_version_in_use() -> None:
    pillars = ["PII"] * 100 + ["SECRET"] * 100
    current = np.array([at % 10 != 0 for at in range(200)])
    candidate = current.copy()
    candidate[np.flatnonzero(current[:100])[:5]] = False
    candidate[100 + np.flatnonzero(current[100:])[:15]] = False
    found = compare("before", candidate, current, pillars, TITLES)
    assert [(one.name, one.worse) for one in found.pillars] == [("PII", False), ("SECRET", True)]
    assert (found.overall.gained, found.overall.lost) == (0, 20)
    assert found.overall.p == pytest.approx(2 / 2**20)


def test_a_pillar_without_a_case_is_left_out() -> None:
    right = np.array([True])
    assert [one.name for one in compare("x", right, right, ["PII"], TITLES).pillars] == ["PII"]
