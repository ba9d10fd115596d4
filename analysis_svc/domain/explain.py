"""The explanation in plain English, from templates: every statement names the findings it rests on."""

from collections.abc import Collection, Sequence

from analysis_svc.domain.catalogue import MODEL_ERROR, NEEDS_REVIEW, SAFE, UNKNOWN, Taxonomy
from analysis_svc.domain.detector_coverage import DetectorCoverage
from analysis_svc.domain.models import (
    AnalysisRequest,
    Direction,
    FactorKind,
    Finding,
    Level,
    Pattern,
    Risk,
)
from analysis_svc.domain.quote_name import quote_name

MAX_LABELS = 6
MAX_IDS = 8
MAX_DETECTORS = 8

_UNNAMED = "a detector that is not named"
_WHERE = {Direction.INPUT: " in the input", Direction.OUTPUT: " in the output", None: ""}
_DIGIT_WORDS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")


def explain(
    request: AnalysisRequest,
    risk: Risk,
    coverage: DetectorCoverage,
    patterns: Sequence[Pattern],
    taxonomy: Taxonomy,
) -> str:
    """Say what was found and by whom, what is missing, and why the level is what it is.

    Deterministic. Ids in square brackets are ids of the request's findings; nothing else is bracketed, and
    names that could be read as anything but a name are quoted.
    """
    statements = [
        *_what_was_found(request, risk, taxonomy),
        *(f"{pattern.title}: {pattern.statement} {_refs(pattern.findings)}." for pattern in patterns),
        *_what_is_missing(request, coverage),
        *_why_the_level(request, risk, coverage),
    ]
    return " ".join(statements)


def _what_was_found(request: AnalysisRequest, risk: Risk, taxonomy: Taxonomy) -> list[str]:
    labels = [factor for factor in risk.contributing_factors if factor.kind is FactorKind.LABEL]
    by_id = {finding.id: finding for finding in request.findings}
    where = _WHERE[request.context.direction]
    statements = []
    for factor in labels[:MAX_LABELS]:
        members = [by_id[ref] for ref in factor.findings]
        times = _times(sum(member.occurrences for member in members))
        title = taxonomy.labels[factor.name].title
        who = _who(members)
        statements.append(f"{who} found {factor.name} ({title}) {times}{where} {_refs(factor.findings)}.")
    if rest := labels[MAX_LABELS:]:
        ids = tuple(ref for factor in rest for ref in factor.findings)
        statements.append(
            f"{_count(len(rest), 'weaker label').capitalize()} {_was(len(rest))} found as well {_refs(ids)}."
        )
    if not labels:
        statements.append("Nothing that bears risk was found.")
    if clean := [finding for finding in request.findings if finding.label == SAFE]:
        statements.append(f"{_who(clean)} reported nothing {_refs(_ids(clean))}.")
        statements += _how_far_silence_counts(clean)
    return statements


def _how_far_silence_counts(clean: Sequence[Finding]) -> list[str]:
    """What detectors that are known to overlook things are worth when they report nothing."""
    least: dict[str, float] = {}
    weak = [finding for finding in clean if finding.confidence < 1.0]
    for finding in weak:
        name = _name(finding.detector)
        least[name] = min(finding.confidence, least.get(name, 1.0))
    if not weak:
        return []
    named = [f"{name} ({least[name]:g})" for name in sorted(least, key=lambda name: (least[name], name))]
    limited = f"the confidence in it is limited for {_listed(named)} {_refs(_ids(weak))}"
    return [f"To report nothing does not prove that there is nothing: {limited}."]


def _what_is_missing(request: AnalysisRequest, coverage: DetectorCoverage) -> list[str]:
    statements = []
    if coverage.missing:
        status = {failure.detector: failure.status for failure in request.context.detectors_failed}
        named = [
            f"{quote_name(name)} ({quote_name(status[name]) if name in status else 'required, no result'})"
            for name in coverage.missing
        ]
        statements.append(
            f"{_count(len(named), 'detector').capitalize()} gave no result: {_listed(named)}; "
            f"what {'it' if len(named) == 1 else 'they'} would have found is unknown."
        )
    if coverage.unreadable:
        garbled = [finding for finding in request.findings if finding.label == MODEL_ERROR]
        statements.append(
            f"The output of {_who(garbled, start=False)} could not be read and does not count as clean "
            f"{_refs(coverage.unreadable)}."
        )
    if unknown := [finding for finding in request.findings if finding.label == UNKNOWN]:
        statements.append(
            f"{_who(unknown)} said something that no known label fits, so it may be worse than it is rated "
            f"{_refs(_ids(unknown))}."
        )
    if review := [finding for finding in request.findings if finding.label == NEEDS_REVIEW]:
        statements.append(
            f"{_who(review)} left the case to a person, so it may be worse than it is rated "
            f"{_refs(_ids(review))}."
        )
    if not request.context.detectors_succeeded:
        statements.append("The context names no detector that succeeded.")
    return statements


def _why_the_level(request: AnalysisRequest, risk: Risk, coverage: DetectorCoverage) -> list[str]:
    interval = f"{risk.interval.low:g} to {risk.interval.high:g}"
    if risk.level is Level.NONE:
        count = len(set(request.context.detectors_succeeded))
        ran = "the one detector that ran" if count == 1 else f"all {_number(count)} detectors that ran"
        statements = [
            (
                f"The level is none: {ran} found nothing and none is missing. "
                "This speaks of this request alone and does not show that a control works."
            )
        ]
        if risk.interval.high > 0.0:
            statements.append(
                "With what they are known, or must be feared, to miss, "
                f"the score may be up to {risk.interval.high:g}."
            )
        return statements
    if risk.level is Level.UNDETERMINED:
        reason = (
            "something that should have looked did not"
            if coverage.missing_share > 0.0
            else "what was said is too uncertain to count"
        )
        return [f"The level is undetermined: {reason}, and the true score may lie anywhere from {interval}."]
    lead = risk.contributing_factors[0]
    share = f"{lead.points:g} of them from {lead.name} {_refs(lead.findings)}"
    statements = [
        (
            f"The score is {risk.score:g} of 100 points ({share}), within an interval of {interval}, "
            f"which makes the level {risk.level}."
        )
    ]
    if coverage.missing_share > 0.0:
        statements.append(
            "Read the level as a lower bound, since not everything that should have looked did."
        )
    return statements


def _who(findings: Sequence[Finding], *, start: bool = True) -> str:
    """The detectors behind findings; `start` for the beginning of a sentence."""
    names = sorted({quote_name(finding.detector) for finding in findings if finding.detector is not None})
    if any(finding.detector is None for finding in findings):
        names.append(_UNNAMED if names or not start else _UNNAMED.capitalize())
    return _listed(names)


def _name(detector: str | None) -> str:
    return _UNNAMED if detector is None else quote_name(detector)


def _listed(names: Sequence[str]) -> str:
    shown = list(names[:MAX_DETECTORS])
    if more := len(names) - len(shown):
        shown.append(f"{_number(more)} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _ids(findings: Sequence[Finding]) -> list[str]:
    return sorted(finding.id for finding in findings)


def _refs(ids: Collection[str]) -> str:
    shown = ", ".join(list(ids)[:MAX_IDS])
    more = len(ids) - MAX_IDS
    return f"[{shown}] and {_count(more, 'more finding')}" if more > 0 else f"[{shown}]"


def _count(number: int, noun: str) -> str:
    return f"{_number(number)} {noun}{'' if number == 1 else 's'}"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{_number(number)} times")


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def _number(number: int) -> str:
    return _DIGIT_WORDS[number] if number < len(_DIGIT_WORDS) else f"{number:,}"
