"""What goes together: detectors that fail and labels, series that rise and fall alike, labels of one text."""

from collections import Counter, defaultdict
from itertools import combinations

import numpy as np
from scipy import stats

from analysis_svc.domain.insights.pattern_models import (
    EventGroup,
    PatternKind,
    Subject,
    SubjectKind,
    TooLittle,
)
from analysis_svc.domain.insights.statistics.series import Board, Series
from analysis_svc.domain.insights.statistics.verdict import Outcome, Verdict, times

LEAST_BUCKETS = 20
LEAST_ANALYSES = 50
LEAST_SIDE = 10
LEAST_TOGETHER = 5
LEAST_RECURRENCES = 3
LEAST_CORRELATION = 0.5
LEAST_LIFT = 1.5
LEAST_ODDS_RATIO = 2.0
_MOST_SERIES = 12


def moving_together(board: Board, many: list[Series]) -> list[Outcome]:
    """Test pairs of series: rank correlation of their changes from one bucket to the next.

    Of the changes, for two series that both grow correlate without having anything to do with each other.
    """
    filled = many[0].filled if many else np.array([], dtype=np.intp)
    if len(filled) < LEAST_BUCKETS:
        needed = f"{LEAST_BUCKETS} {board.observation.bucket.value}s with analyses"
        return [TooLittle(PatternKind.CORRELATION, None, needed, str(len(filled)))]
    steady = [one for one in many if np.count_nonzero(one.events) >= len(filled) // 3]
    changes = {
        one.subject: np.diff(one.events[filled] / one.exposure[filled]) for one in steady[:_MOST_SERIES]
    }
    outcomes: list[Outcome] = []
    for one, other in combinations(changes, 2):
        if np.std(changes[one]) <= 0 or np.std(changes[other]) <= 0:
            continue
        found = stats.spearmanr(changes[one], changes[other])
        together, p_value = float(found.statistic), float(found.pvalue)
        # By identity: a group is hashed with all of its ids otherwise, for each pair again.
        theirs = {id(group) for group in board.of(other)}
        both = [group for group in board.of(one) if id(group) in theirs]
        outcomes.append(
            Verdict(
                kind=PatternKind.CORRELATION,
                subjects=(one, other),
                statement=f"{one.phrase} and {other.phrase} rise and fall "
                f"{'together' if together > 0 else 'against each other'}",
                test="Spearman rank correlation of changes",
                statistic=together,
                p_value=p_value,
                effect=together,
                effect_kind="rank_correlation",
                large_enough=abs(together) >= LEAST_CORRELATION,
                n=len(filled) - 1,
                events=sum(group.analyses for group in both),
                first=0,
                behind=None,
                groups=both or board.of(one),
            )
        )
    return outcomes


def failing_detectors(board: Board, labels: list[Subject], failing: list[Subject]) -> list[Outcome]:
    """Test whether a label is found less, or more, often while a detector fails (Fisher's exact test)."""
    outcomes: list[Outcome] = []
    for detector in failing:
        failed = board.of(detector)
        looked = [group for group in board.groups if detector.name in group.looked]
        without, with_it = _size(failed), _size(looked)
        if without < LEAST_SIDE or with_it < LEAST_SIDE:
            needed = f"{LEAST_SIDE} analyses with the detector and {LEAST_SIDE} without it"
            outcomes.append(TooLittle(PatternKind.CORRELATION, detector, needed, f"{with_it} and {without}"))
            continue
        for label in labels:
            missed, seen = _size(_having(failed, label)), _size(_having(looked, label))
            if missed + seen < LEAST_SIDE:
                continue
            table = [[missed, without - missed], [seen, with_it - seen]]
            odds = (missed + 0.5) * (with_it - seen + 0.5) / ((seen + 0.5) * (without - missed + 0.5))
            less = "less" if odds < 1 else "more"
            outcomes.append(
                Verdict(
                    kind=PatternKind.CORRELATION,
                    subjects=(detector, label),
                    statement=f"{label.name} is found {less} often while {detector.name} fails: in "
                    f"{missed} of {without} analyses, and in {seen} of {with_it} otherwise",
                    test="Fisher's exact test",
                    statistic=odds,
                    p_value=float(stats.fisher_exact(table).pvalue),
                    effect=odds,
                    effect_kind="odds_ratio",
                    large_enough=max(odds, 1 / odds) >= LEAST_ODDS_RATIO,
                    n=without + with_it,
                    events=missed + seen,
                    first=0,
                    behind=None,
                    groups=failed,
                )
            )
    return outcomes


def co_occurrence(board: Board, labels: list[Subject]) -> list[Outcome]:
    """Test pairs of labels that come in one text, in at least three buckets (hypergeometric tail)."""
    if board.analyses < LEAST_ANALYSES:
        needed = f"{LEAST_ANALYSES} analyses"
        return [TooLittle(PatternKind.CO_OCCURRENCE, None, needed, str(board.analyses))]
    known = {label.name for label in labels}
    single: Counter[str] = Counter()
    pairs: Counter[tuple[str, str]] = Counter()
    buckets: dict[tuple[str, str], set[int]] = defaultdict(set)
    for group in board.groups:
        names = [name for name in group.labels if name in known]
        single.update(dict.fromkeys(names, group.analyses))
        for pair in combinations(names, 2):
            pairs[pair] += group.analyses
            buckets[pair].add(board.bucket_of(group))
    outcomes: list[Outcome] = []
    # All pairs, also those that hardly come: to test only what looks striking would find too much.
    for one, other in combinations(sorted(known), 2):
        together = pairs[one, other]
        recurs = together >= LEAST_TOGETHER and len(buckets[one, other]) >= LEAST_RECURRENCES
        lift = together * board.analyses / (single[one] * single[other])
        subjects = (Subject(SubjectKind.LABEL, one), Subject(SubjectKind.LABEL, other))
        outcomes.append(
            Verdict(
                kind=PatternKind.CO_OCCURRENCE,
                subjects=subjects,
                statement=f"{one} and {other} come together in {together} analyses on "
                f"{len(buckets[one, other])} {board.observation.bucket.value}s, {times(lift)} "
                "as often as by chance",
                test="hypergeometric tail",
                statistic=float(together),
                p_value=float(stats.hypergeom.sf(together - 1, board.analyses, single[one], single[other])),
                effect=lift,
                effect_kind="lift",
                large_enough=recurs and lift >= LEAST_LIFT,
                n=board.analyses,
                events=together,
                first=0,
                behind=None,
                groups=[group for group in board.of(subjects[0]) if other in group.labels],
            )
        )
    return outcomes


def _size(groups: list[EventGroup]) -> int:
    return sum(group.analyses for group in groups)


def _having(groups: list[EventGroup], label: Subject) -> list[EventGroup]:
    return [group for group in groups if label.name in group.labels]
