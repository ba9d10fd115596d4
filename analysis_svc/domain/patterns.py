"""Labels that mean more together than apart, within one request."""

from collections.abc import Sequence

from analysis_svc.domain.catalogue import Catalogue, Combination, Priority
from analysis_svc.domain.models import Finding, Pattern
from analysis_svc.domain.score_risk import finding_strength

MIN_STRENGTH = 0.1
"""Severity * score * confidence under which a finding is too faint to take part in a pattern."""

_PRIORITIES = tuple(Priority)


def find_patterns(findings: Sequence[Finding], catalogue: Catalogue) -> tuple[Pattern, ...]:
    """Name the known combinations present in the findings, most urgent first.

    Every part of a combination needs a finding of its own: one finding never plays two parts.
    """
    clear = [f for f in findings if finding_strength(f, catalogue.taxonomy) >= MIN_STRENGTH]
    seen = [_match(combination, clear) for combination in catalogue.combinations]
    patterns = [pattern for pattern in seen if pattern is not None]
    return tuple(sorted(patterns, key=lambda item: (_PRIORITIES.index(item.priority), item.id)))


def _match(combination: Combination, findings: Sequence[Finding]) -> Pattern | None:
    parts = [[f for f in findings if f.label in group] for group in combination.groups]
    if not all(parts):
        return None
    members = {f.id: f for part in parts for f in part}
    return Pattern(
        id=combination.id,
        title=combination.title,
        statement=combination.statement,
        priority=combination.priority,
        labels=tuple(sorted({f.label for f in members.values()})),
        findings=tuple(sorted(members)),
    )
