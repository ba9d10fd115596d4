import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration_svc.domain.coverage import taxonomy, weighted
from orchestration_svc.domain.downstream import MappedFinding
from orchestration_svc.domain.policy import ConflictStrategy, CoverageMethod, Policy, is_within
from orchestration_svc.domain.policy_conflicts import Resolution, resolve

ALL = ("a", "b", "c")


def finding(
    detector: str, score: float, confidence: float = 0.9, label: str = "PII.Contact"
) -> MappedFinding:
    return MappedFinding(label, score, confidence, detector, "rule", 1)


def policy(strategy: ConflictStrategy, *, covering: tuple[str, ...] = (), least: float = 0.0) -> Policy:
    return Policy(
        "p", "1", "", frozenset({"text/plain"}), None, None, CoverageMethod.REQUIRED_SET, 0.8,
        weights={"a": 3.0}, covers=dict.fromkeys(covering, ("PII",)),
        conflict=strategy, thresholds={"PII": least},
    )  # fmt: skip


def score(resolution: Resolution) -> float | None:
    return resolution.findings[0].score if resolution.findings else None


@pytest.mark.parametrize(
    ("strategy", "expected"),
    [
        (ConflictStrategy.HIGHEST_CONFIDENCE, 0.2),
        (ConflictStrategy.MOST_RESTRICTIVE, 0.8),
        (ConflictStrategy.WEIGHTED_AVERAGE, 0.35),
        (ConflictStrategy.MAJORITY_VOTE, 0.8),
    ],
)
def test_strategy_settles_what_holds(strategy: ConflictStrategy, expected: float) -> None:
    resolution = resolve([finding("a", 0.2, 0.95), finding("b", 0.8, 0.6)], policy(strategy), ALL)
    assert score(resolution) == pytest.approx(expected)
    assert resolution.contested == ("PII.Contact",)
    assert resolution.findings[0].detectors == ("a", "b")


def test_silence_counts_only_of_those_that_cover_the_label() -> None:
    vote = ConflictStrategy.MAJORITY_VOTE
    assert resolve([finding("a", 0.9)], policy(vote), ALL).outvoted == ()
    assert resolve([finding("a", 0.9)], policy(vote, covering=("b", "c")), ALL).outvoted == ("PII.Contact",)
    assert score(resolve([finding("a", 0.9)], policy(vote, covering=("b",)), ALL)) == 0.9, "a tie stays"
    average = policy(ConflictStrategy.WEIGHTED_AVERAGE, covering=("b",))
    assert score(resolve([finding("a", 0.8)], average, ALL)) == pytest.approx(0.6)


def test_failed_detector_has_no_vote() -> None:
    vote = policy(ConflictStrategy.MAJORITY_VOTE, covering=("b", "c"))
    assert resolve([finding("a", 0.9)], vote, ("a",)).outvoted == ()


def test_finding_below_the_threshold_is_told_and_does_not_count() -> None:
    resolution = resolve([finding("a", 0.4)], policy(ConflictStrategy.MOST_RESTRICTIVE, least=0.5), ALL)
    assert (resolution.findings, resolution.below) == ((), ("PII.Contact",))


SCORES = st.lists(st.tuples(st.sampled_from(ALL), st.floats(0, 1)), min_size=1, max_size=6)


@given(said=SCORES, strategy=st.sampled_from(list(ConflictStrategy)))
def test_no_strategy_is_stricter_than_the_most_restrictive_one(
    said: list[tuple[str, float]], strategy: ConflictStrategy
) -> None:
    found = [finding(name, value) for name, value in said]
    most = score(resolve(found, policy(ConflictStrategy.MOST_RESTRICTIVE), ALL))
    assert most == max(value for _, value in said)
    assert (score(resolve(found, policy(strategy), ALL)) or 0.0) <= most + 1e-9


def test_weights_decide_how_much_is_covered() -> None:
    coverage = weighted(ALL, {"a"}, {"a": 3.0}, threshold=0.5)
    assert (coverage.achieved, coverage.missing, coverage.is_enough) == (0.6, ("b", "c"), True)
    assert weighted(["a", "b"], {"a", "b"}, {"a": 0.1, "b": 0.2}, threshold=1.0).is_enough
    assert not weighted([], set(), {}, threshold=0.1).is_enough


def test_categories_decide_how_much_is_covered() -> None:
    covers = {"a": ("PII",), "b": ("SECRET.ApiKey",)}
    coverage = taxonomy(["PII.Contact", "SECRET"], covers, ["a", "b"], {"a", "b"}, threshold=0.8)
    assert (coverage.achieved, coverage.missing, coverage.unseen) == (0.5, ("SECRET",), ())
    gone = taxonomy(["PII"], covers, ["a"], {"b"}, threshold=0.8)
    assert (gone.achieved, gone.unseen) == (0.0, ("a",))


def test_category_holds_what_is_below_it_and_not_what_only_begins_alike() -> None:
    assert is_within("PII.Contact", "PII")
    assert not is_within("PIIX", "PII")
