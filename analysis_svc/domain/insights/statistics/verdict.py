"""What one test comes to, before all tests of its kind are put beside each other."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from analysis_svc.domain.insights.pattern_models import EventGroup, PatternKind, Subject, TooLittle


@dataclass(frozen=True, slots=True)
class Verdict:
    """One test.

    Attributes:
        kind: of the pattern that it would be.
        subjects: what was tested.
        statement: what is said if it stands.
        test: name of the test.
        statistic: its value.
        p_value: how likely as much is by chance.
        effect: how large it is.
        effect_kind: what that measures.
        large_enough: whether somebody should care, were it certain.
        n: buckets or analyses that the test had.
        events: analyses with the subject.
        first: first short stretch of time of the pattern.
        behind: the one behind its last; None for the end.
        groups: the analyses that show it.
    """

    kind: PatternKind
    subjects: tuple[Subject, ...]
    statement: str
    test: str
    statistic: float
    p_value: float
    effect: float
    effect_kind: str
    large_enough: bool
    n: int
    events: int
    first: int
    behind: int | None
    groups: list[EventGroup]


Outcome: TypeAlias = Verdict | TooLittle


def times(ratio: float) -> str:
    """Say a ratio in words."""
    return f"{ratio:.3g} times" if ratio >= 1.0 else f"1/{1.0 / max(ratio, 1e-6):.3g}"


def verdicts(outcomes: Iterable[Outcome]) -> list[Verdict]:
    """Return those that could be tested."""
    return [one for one in outcomes if isinstance(one, Verdict)]
