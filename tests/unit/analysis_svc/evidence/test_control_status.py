"""Satisfied is earned: by rules that were met, never by silence."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from threading import Thread, current_thread
from typing import Any
from unittest.mock import AsyncMock
from uuid import uuid4

import pytest

from analysis_svc.adapters.catalogue_files import SHIPPED
from analysis_svc.adapters.evidence_rule_files import load_evidence_rules
from analysis_svc.domain import assess_controls
from analysis_svc.domain.catalogue import Catalogue, JudgedOn
from analysis_svc.domain.control_status import ControlStatus, GapKind, PeriodFacts, assess
from analysis_svc.domain.evidence_facts import Facts, LabelFacts, Looks, Period, StoredViolations
from analysis_svc.domain.evidence_rules import ChosenRules, RuleBook, RuleChange, RuleSource, bearing_on
from analysis_svc.domain.models import EvidenceState

END = datetime(2026, 11, 1, tzinfo=UTC)
MONTH = Period(END - timedelta(days=30), END)
SECRETS = ("soc2", "CC7.2")
ALL = frozenset({"secrets", "prompt_attacks", "personal_data"})


@pytest.fixture(scope="module")
def book(catalogue: Catalogue) -> RuleBook:
    return load_evidence_rules(SHIPPED / "evidence-rules.yaml", catalogue)


def looks(every_h: int = 24, *, senses: frozenset[str] = ALL, analyses: int = 10) -> list[Looks]:
    times = [MONTH.start + timedelta(hours=hours) for hours in range(0, 30 * 24, every_h)]
    return [Looks(senses, analyses, at, at + timedelta(minutes=5)) for at in times]


def facts(
    seen: Sequence[Looks],
    labels: Sequence[LabelFacts] = (),
    violations: Mapping[str, StoredViolations] | None = None,
) -> Facts:
    return Facts(seen, {one.label: one for one in labels}, violations or {}, ())


def status(
    catalogue: Catalogue,
    book: RuleBook,
    known: Facts,
    key: tuple[str, str] = SECRETS,
    period: Period = MONTH,
) -> ControlStatus:
    control = catalogue.frameworks[key[0]].controls[key[1]]
    return assess(control, bearing_on(catalogue).get(key, ()), PeriodFacts(known, period), book)


def kinds(answer: ControlStatus) -> set[GapKind]:
    return {gap.kind for gap in answer.gaps}


def test_rule_that_is_met_makes_a_control_satisfied(catalogue: Catalogue, book: RuleBook) -> None:
    answer = status(catalogue, book, facts(looks()))
    assert (answer.state, answer.gaps) == (EvidenceState.SATISFIED, ())
    assert (answer.analyses, answer.looked, answer.coverage) == (300, 300, 1.0)
    assert answer.longest_gap_h == pytest.approx(24, abs=0.1)


def test_without_any_evidence_nothing_is_satisfied(catalogue: Catalogue, book: RuleBook) -> None:
    index = bearing_on(catalogue)
    for framework in catalogue.frameworks.values():
        for control in framework.controls.values():
            bearing = index.get((framework.id, control.id), ())
            answer = assess(control, bearing, PeriodFacts(facts([]), MONTH), book)
            assert answer.state is EvidenceState.INSUFFICIENT, control.id
            assert answer.gaps, control.id


def test_control_without_a_rule_is_never_satisfied_however_much_was_looked(
    catalogue: Catalogue, book: RuleBook
) -> None:
    everything = frozenset(book.senses)
    for control in catalogue.frameworks["gdpr"].controls.values():
        answer = status(catalogue, book, facts(looks(1, senses=everything)), ("gdpr", control.id))
        assert answer.state is EvidenceState.INSUFFICIENT
        assert kinds(answer) == {GapKind.NO_RULE}


@pytest.mark.parametrize("blind", ["secrets", "prompt_attacks"])
def test_one_detector_that_failed_too_often_is_a_gap_that_names_it(
    catalogue: Catalogue, book: RuleBook, blind: str
) -> None:
    seen = looks()
    seen[3:6] = [replace(one, senses=ALL - {blind}) for one in seen[3:6]]  # 27 of 30 days: 90 %
    answer = status(catalogue, book, facts(seen))
    assert answer.state is EvidenceState.INSUFFICIENT
    gap = next(gap for gap in answer.gaps if gap.kind is GapKind.COVERAGE_TOO_LOW)
    assert gap.detectors == book.senses[blind].detectors
    assert "270 of 300 analyses (90.0 %)" in gap.message
    assert answer.coverage == 0.9


def test_failures_that_never_coincide_still_add_up(catalogue: Catalogue, book: RuleBook) -> None:
    seen = looks(analyses=100)
    seen[3] = replace(seen[3], senses=frozenset({"secrets"}))
    seen[9] = replace(seen[9], senses=frozenset({"prompt_attacks"}))
    answer = status(catalogue, book, facts(seen))
    assert answer.coverage == 0.9333
    assert kinds(answer) == {GapKind.COVERAGE_TOO_LOW}


def test_share_just_below_the_limit_does_not_read_as_the_limit(catalogue: Catalogue, book: RuleBook) -> None:
    seen = [
        *looks(analyses=3333),
        *[replace(one, senses=frozenset[str]()) for one in looks(analyses=176)],
    ]
    (gap,) = status(catalogue, book, facts(seen)).gaps[:1]
    assert gap.kind is GapKind.COVERAGE_TOO_LOW
    assert "(94.9 %)" in gap.message


def test_three_days_without_a_look_are_a_gap_wherever_they_are(catalogue: Catalogue, book: RuleBook) -> None:
    seen = looks()
    for silent in (slice(0, 4), slice(10, 14), slice(26, 30)):
        some = [one for index, one in enumerate(seen) if index not in range(silent.start, silent.stop)]
        answer = status(catalogue, book, facts(some))
        assert kinds(answer) == {GapKind.TOO_LONG_WITHOUT}, silent
        assert answer.longest_gap_h > 72


def test_looks_of_failed_runs_do_not_fill_a_gap(catalogue: Catalogue, book: RuleBook) -> None:
    seen = [
        replace(one, senses=frozenset[str](), analyses=1) if 10 <= index < 15 else replace(one, analyses=100)
        for index, one in enumerate(looks())
    ]
    assert kinds(status(catalogue, book, facts(seen))) == {GapKind.TOO_LONG_WITHOUT}


def test_few_analyses_are_no_proof(catalogue: Catalogue, book: RuleBook) -> None:
    answer = status(catalogue, book, facts(looks(analyses=1)))
    assert kinds(answer) == {GapKind.TOO_FEW_ANALYSES}
    assert "30 analyses were looked at by all who must look, 59 are needed" in answer.gaps[0].message


def test_short_period_is_no_proof(catalogue: Catalogue, book: RuleBook) -> None:
    period = replace(MONTH, start=END - timedelta(days=29, hours=23))
    seen = [one for one in looks() if one.first >= period.start]
    assert kinds(status(catalogue, book, facts(seen), period=period)) == {GapKind.PERIOD_TOO_SHORT}


def test_one_strong_finding_violates_whatever_else_was_done(catalogue: Catalogue, book: RuleBook) -> None:
    found = LabelFacts("SECRET.CloudCredential", 4, 1, END - timedelta(days=2), (uuid4(),), 1)
    answer = status(catalogue, book, facts(looks(), [found]), ("iso27001", "A.5.17"))
    assert answer.state is EvidenceState.VIOLATED
    assert (answer.violations, answer.evidence) == (1, found.strong_in)
    assert answer.last_violation_at == found.last_strong_at
    assert answer.findings == 4


def test_weak_findings_alone_violate_nothing(catalogue: Catalogue, book: RuleBook) -> None:
    found = LabelFacts("SECRET.CloudCredential", 4, 0, None, (), 0)
    answer = status(catalogue, book, facts(looks(), [found]), ("iso27001", "A.5.17"))
    assert answer.state is EvidenceState.SATISFIED
    assert answer.findings == 4


def test_what_was_called_violated_then_stays_violated_when_the_catalogue_changes(
    catalogue: Catalogue, book: RuleBook
) -> None:
    then = StoredViolations(2, END - timedelta(days=5), (uuid4(), uuid4()))
    known = facts(looks(), violations={"iso27001 A.5.17": then})
    answer = status(catalogue, book, known, ("iso27001", "A.5.17"))
    assert (answer.state, answer.violations) == (EvidenceState.VIOLATED, 2)


def test_findings_never_violate_a_control_that_is_judged_on_a_programme(
    catalogue: Catalogue, book: RuleBook
) -> None:
    every = [
        LabelFacts(name, 9, 9, END - timedelta(days=1), (uuid4(),), 9) for name in catalogue.taxonomy.labels
    ]
    known = facts(looks(senses=frozenset(book.senses)), every)
    for framework in catalogue.frameworks.values():
        for control in framework.controls.values():
            if control.judged_on is JudgedOn.PROGRAMME:
                answer = status(catalogue, book, known, (framework.id, control.id))
                assert answer.state is not EvidenceState.VIOLATED, control.id


def test_sense_without_a_detector_keeps_a_control_insufficient_until_one_is_named(
    catalogue: Catalogue, book: RuleBook
) -> None:
    key = ("iso27001", "A.5.32")
    seen = facts(looks(senses=frozenset(book.senses)))
    assert kinds(status(catalogue, book, seen, key)) == {GapKind.NO_DETECTOR}
    own = book.with_chosen(ChosenRules(detectors={"protected_works": ("copyright_checker",)}))
    assert status(catalogue, own, seen, key).state is EvidenceState.SATISFIED


def test_tenants_rule_holds_in_place_of_the_shipped_one(catalogue: Catalogue, book: RuleBook) -> None:
    own = book.with_chosen(
        ChosenRules(
            rules={
                SECRETS: RuleChange(analyses=1000),
                ("gdpr", "Art. 32(1)"): RuleChange(senses=("secrets",), why="Leaks are watched for."),
            }
        )
    )
    answer = status(catalogue, own, facts(looks()))
    assert kinds(answer) == {GapKind.TOO_FEW_ANALYSES}
    assert answer.rule is not None
    assert answer.rule.source is RuleSource.TENANT
    assert answer.rule.limits.coverage == 0.95
    declared = status(catalogue, own, facts(looks()), ("gdpr", "Art. 32(1)"))
    assert declared.state is EvidenceState.SATISFIED


async def test_controls_are_assessed_beside_the_event_loop_and_looks_are_gone_through_once_for_a_rule(
    catalogue: Catalogue, book: RuleBook, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: set[Thread] = set()
    gone_through: Counter[tuple[str, ...]] = Counter()

    class Watched(frozenset[str]):
        def issuperset(self, senses: Iterable[Any], /) -> bool:
            gone_through[tuple(senses)] += 1
            return super().issuperset(senses)

    def watched(*given: Any) -> ControlStatus:
        threads.add(current_thread())
        return assess(*given)

    monkeypatch.setattr(assess_controls, "assess", watched)
    known = facts([Looks(Watched(ALL), 10, MONTH.start, MONTH.start)])
    use_case = assess_controls.AssessControls(
        AsyncMock(of=AsyncMock(return_value=catalogue)),
        book,
        AsyncMock(of=AsyncMock(return_value=known)),
        AsyncMock(chosen=AsyncMock(return_value=(0, ChosenRules()))),
    )
    answer = await use_case.status(uuid4(), "iso27001", MONTH)
    assert len(answer.controls) == len(catalogue.frameworks["iso27001"].controls)
    assert current_thread() not in threads
    assert set(gone_through.values()) == {1}
