"""What to do about the findings."""

from collections.abc import Collection, Sequence

from analysis_svc.domain.catalogue import Advice, Catalogue, Priority
from analysis_svc.domain.models import Finding, Remediation
from analysis_svc.domain.score_risk import says_something

_PRIORITIES = tuple(Priority)


def advise(
    findings: Sequence[Finding], catalogue: Catalogue, frameworks: Collection[str]
) -> tuple[Remediation, ...]:
    """List each piece of advice once, most urgent first, with every finding it answers.

    The control is the first one of the advice that belongs to the asked frameworks, or None.
    """
    answered: dict[str, tuple[Advice, list[str]]] = {}
    for finding in findings:
        if not says_something(finding, catalogue.taxonomy):
            continue
        for advice in catalogue.advice.get(finding.label, ()):
            answered.setdefault(advice.action, (advice, []))[1].append(finding.id)
    remediations = [
        Remediation(advice.action, advice.priority, _control(advice, frameworks), tuple(sorted(ids)))
        for advice, ids in answered.values()
    ]
    return tuple(sorted(remediations, key=lambda item: (_PRIORITIES.index(item.priority), item.action)))


def _control(advice: Advice, frameworks: Collection[str]) -> str | None:
    for control in advice.controls:
        if control.framework in frameworks:
            return f"{control.framework} {control.id}"
    return None
