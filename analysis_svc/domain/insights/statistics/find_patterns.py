"""Looks for every kind of pattern, and keeps what holds with all the tests of its kind accounted for."""

import hashlib
from collections import defaultdict
from collections.abc import Sequence

from statsmodels.stats.multitest import multipletests

from analysis_svc.domain.insights.pattern_models import (
    Found,
    Observation,
    PatternKind,
    Subject,
    SubjectKind,
    Support,
    TimePattern,
    TooLittle,
)
from analysis_svc.domain.insights.statistics.anomalies import anomalies
from analysis_svc.domain.insights.statistics.association import (
    co_occurrence,
    failing_detectors,
    moving_together,
)
from analysis_svc.domain.insights.statistics.bursts import burst
from analysis_svc.domain.insights.statistics.change_points import change_points
from analysis_svc.domain.insights.statistics.seasonality import seasonality
from analysis_svc.domain.insights.statistics.series import Board
from analysis_svc.domain.insights.statistics.trend import trend
from analysis_svc.domain.insights.statistics.verdict import Outcome, Verdict

FALSE_SHARE = 0.05
"""Share of what is reported, of each kind, that may be chance (false discovery rate)."""
MOST_PATTERNS = 100
_KINDS = tuple(PatternKind)


def find_patterns(observation: Observation, *, only: Subject | None = None) -> Found:
    """Look for patterns; of one subject if it is named.

    Deterministic: the same observation gives the same patterns. Each kind of pattern is a family of tests
    in which at most 5 % of what is reported is expected to be chance (Benjamini and Hochberg, 1995).
    """
    board = Board(observation)
    subjects = [one for one in board.subjects() if only is None or one == only]
    outcomes: list[Outcome] = []
    many = [board.series(one) for one in subjects]
    for series in many:
        outcomes += [trend(board, series), seasonality(board, series), burst(board, series)]
        outcomes += change_points(board, series)
        outcomes += anomalies(board, series)
    labels = [one for one in board.subjects() if one.kind is SubjectKind.LABEL]
    failing = [one for one in subjects if one.kind is SubjectKind.DETECTOR_FAILURE]
    pairs = [*failing_detectors(board, labels, failing), *co_occurrence(board, labels)]
    pairs += moving_together(board, [board.series(one) for one in board.subjects()])
    outcomes += [one for one in pairs if only is None or _about(one, only)]
    if not subjects:
        outcomes = [*outcomes, *(_nothing_seen(kind, board, only) for kind in _KINDS)]
    tested = defaultdict(list)
    for outcome in outcomes:
        if isinstance(outcome, Verdict):
            tested[outcome.kind].append(outcome)
    patterns = [pattern for kind in _KINDS for pattern in _holding(board, tested[kind])]
    return Found(
        span=observation.span,
        bucket=observation.bucket,
        cut=observation.cut,
        analyses=board.analyses,
        tested={kind: len(tested[kind]) for kind in _KINDS},
        patterns=tuple(patterns[:MOST_PATTERNS]),
        too_little=tuple(one for one in outcomes if isinstance(one, TooLittle)),
    )


def _about(outcome: Outcome, subject: Subject) -> bool:
    if isinstance(outcome, Verdict):
        return subject in outcome.subjects
    return outcome.subject in {None, subject}


def _nothing_seen(kind: PatternKind, board: Board, only: Subject | None) -> TooLittle:
    return TooLittle(kind, only, "occurrences", f"none in {board.analyses} analyses")


def _holding(board: Board, verdicts: Sequence[Verdict]) -> list[TimePattern]:
    """Return the patterns among the verdicts of one kind, the surest first."""
    if not verdicts:
        return []
    holds, adjusted, *_ = multipletests([one.p_value for one in verdicts], alpha=FALSE_SHARE, method="fdr_bh")
    standing = [
        (float(q_value), one)
        for holding, q_value, one in zip(holds, adjusted, verdicts, strict=True)
        if holding and one.large_enough
    ]
    standing.sort(key=lambda pair: (pair[0], pair[1].p_value, pair[1].subjects))
    return [_pattern(board, one, q_value) for q_value, one in standing]


def _pattern(board: Board, verdict: Verdict, q_value: float) -> TimePattern:
    evidence, total = board.evidence(verdict.groups, verdict.first, verdict.behind)
    start = board.fine_begins(verdict.first)
    end = board.observation.span.end if verdict.behind is None else board.fine_begins(verdict.behind)
    name = "|".join(
        [verdict.kind, *(f"{one.kind}:{one.name}" for one in verdict.subjects), start.isoformat()]
    )
    return TimePattern(
        id=hashlib.sha256(name.encode()).hexdigest()[:16],
        kind=verdict.kind,
        subjects=verdict.subjects,
        statement=f"{verdict.statement[:1].upper()}{verdict.statement[1:]}.",
        start=max(start, board.observation.span.start),
        end=min(end, board.observation.span.end),
        support=Support(
            test=verdict.test,
            statistic=verdict.statistic,
            p_value=verdict.p_value,
            q_value=q_value,
            effect=verdict.effect,
            effect_kind=verdict.effect_kind,
            n=verdict.n,
            events=verdict.events,
        ),
        evidence=evidence,
        evidence_total=total,
    )
