"""What is in the data is found with its support, and what is not is not."""

from datetime import timedelta

import pytest

from analysis_svc.domain.insights.pattern_models import Observation, PatternKind, Subject, SubjectKind
from analysis_svc.domain.insights.span import Bucket, Span
from analysis_svc.domain.insights.statistics.find_patterns import find_patterns
from tests.unit.analysis_svc.insights.observations import START, kinds, observation

EMAIL = Subject(SubjectKind.LABEL, "PII.Contact.Email")


def test_growing_share_is_a_trend_whatever_the_volume() -> None:
    found = find_patterns(observation({EMAIL.name: lambda t: 0.05 + 0.15 * t / 504}))
    (pattern,) = [one for one in found.patterns if one.kind is PatternKind.TREND]
    assert pattern.subjects == (EMAIL,)
    assert pattern.support.p_value <= pattern.support.q_value < 0.05
    assert 2.5 < pattern.support.effect < 7, "the odds grow from 1 in 19 to 1 in 4"
    assert "more frequent" in pattern.statement
    assert 0 < len(pattern.evidence) <= 20 <= pattern.evidence_total


def test_weekly_rhythm_is_found_with_its_day() -> None:
    found = find_patterns(observation({EMAIL.name: lambda t: 0.3 if t // 12 % 7 == 4 else 0.08}))
    (pattern,) = [one for one in found.patterns if one.kind is PatternKind.SEASONALITY]
    assert pattern.statement.endswith("on Fridays.")
    assert pattern.support.effect > 0.5
    assert kinds(found, PatternKind.TREND) == []


def test_daily_rhythm_is_found_with_its_hour() -> None:
    office = observation(
        {EMAIL.name: lambda t: 0.4 if t // 4 % 24 == 15 else 0.05}, buckets=24 * 7, bucket=Bucket.HOUR
    )
    (pattern,) = [one for one in find_patterns(office).patterns if one.kind is PatternKind.SEASONALITY]
    assert pattern.statement.endswith("at 15:00 UTC.")


def test_lasting_change_is_found_where_it_happened() -> None:
    found = find_patterns(observation({EMAIL.name: lambda t: 0.04 if t < 25 * 12 else 0.16}))
    places = [one for one in found.patterns if one.kind is PatternKind.CHANGE_POINT]
    assert places, found.tested
    assert abs(places[0].start - (START + timedelta(days=25))) <= timedelta(days=1)
    assert 2.5 < places[0].support.effect < 8


def test_one_bad_day_is_an_anomaly_and_names_its_analyses() -> None:
    drawn = observation({EMAIL.name: lambda t: 0.25 if t // 12 == 30 else 0.05})
    found = find_patterns(drawn)
    (pattern,) = [one for one in found.patterns if one.kind is PatternKind.ANOMALY]
    assert pattern.start == START + timedelta(days=30)
    that_day = {
        group.evidence[0] for group in drawn.groups if group.bin // 12 == 30 and EMAIL.name in group.labels
    }
    assert set(pattern.evidence) <= that_day
    assert pattern.evidence_total == len(that_day)


def test_two_hours_of_attack_are_a_burst() -> None:
    found = find_patterns(observation({"JAILBREAK.Attempt": lambda t: 0.9 if t == 200 else 0.02}))
    (pattern,) = [one for one in found.patterns if one.kind is PatternKind.BURST]
    assert pattern.start == START + timedelta(hours=400)
    assert pattern.end == START + timedelta(hours=402)
    assert pattern.support.effect > 10


def test_label_that_is_missed_while_its_detector_fails_is_told() -> None:
    found = find_patterns(observation({EMAIL.name: lambda _: 0.1}, failing=lambda _: 0.2))
    assert ("guard", EMAIL.name) in kinds(found, PatternKind.CORRELATION)
    (pattern,) = [one for one in found.patterns if one.kind is PatternKind.CORRELATION]
    assert "less often while guard fails: in 0 of" in pattern.statement


def test_labels_that_keep_coming_together_are_told() -> None:
    pair = ("PII.Contact.Email", "SECRET.ApiKey")
    found = find_patterns(observation({pair[0]: lambda _: 0.03, pair[1]: lambda _: 0.02}, together=pair))
    (pattern,) = [one for one in found.patterns if one.kind is PatternKind.CO_OCCURRENCE]
    assert tuple(one.name for one in pattern.subjects) == pair
    assert pattern.support.effect > 5


def test_series_that_rise_and_fall_alike_correlate() -> None:
    def wave(stretch: int) -> float:
        return 0.3 if stretch // 12 % 5 in {1, 2} else 0.05

    found = find_patterns(observation({"A": wave, "B": wave, "C": lambda _: 0.1}))
    assert ("A", "B") in kinds(found, PatternKind.CORRELATION)
    assert all("C" not in pair for pair in kinds(found, PatternKind.CORRELATION))


def test_steady_noise_has_hardly_any_pattern() -> None:
    reported = tested = 0
    for seed in range(3):
        noise = {f"LABEL.{number}": lambda _, number=number: 0.02 + number / 100 for number in range(6)}
        found = find_patterns(observation(noise, seed=seed, per_stretch=3))
        reported += len(found.patterns)
        tested += sum(found.tested.values())
    assert tested > 800
    assert reported <= 2, "three draws, seven families of tests each, 5 % of them by chance"


def test_same_data_give_the_same_patterns() -> None:
    drawn = observation({EMAIL.name: lambda t: 0.05 + 0.15 * t / 504})
    assert find_patterns(drawn) == find_patterns(drawn)


@pytest.mark.parametrize("buckets", [1, 5])
def test_few_days_are_too_little_data_and_not_the_absence_of_patterns(buckets: int) -> None:
    found = find_patterns(observation({EMAIL.name: lambda _: 0.1}, buckets=buckets, per_stretch=2))
    lacking = {one.kind for one in found.too_little}
    assert {PatternKind.TREND, PatternKind.SEASONALITY, PatternKind.CHANGE_POINT} <= lacking
    trend = next(one for one in found.too_little if one.kind is PatternKind.TREND)
    assert trend.needed.startswith("14 days")
    assert trend.had.startswith(str(buckets))


def test_nothing_at_all_is_too_little_data_of_every_kind() -> None:
    empty = Observation(Span(START, START + timedelta(days=30)), Bucket.DAY, 12, ())
    found = find_patterns(empty)
    assert found.patterns == ()
    assert {one.kind for one in found.too_little} == set(PatternKind)


def test_one_subject_can_be_asked_for_alone() -> None:
    drawn = observation({EMAIL.name: lambda t: 0.05 + 0.15 * t / 504, "B": lambda t: 0.2 - 0.15 * t / 504})
    found = find_patterns(drawn, only=EMAIL)
    assert found.patterns
    assert all(EMAIL in pattern.subjects for pattern in found.patterns)
