from collections.abc import Mapping
from dataclasses import dataclass

from mapper_svc.domain.taxonomy import SAFE, UNKNOWN
from pipelines.lib.golden.golden_row import GoldenRow

_NAMED_BY_A_MODEL = frozenset({"model", "semantic"})
_RULE = "rule"


@dataclass(frozen=True, slots=True)
class Answered:
    """One finding of an answer: its canonical label, its risk in [0, 1] and the tier that named it."""

    label: str
    risk: float
    tier: str


@dataclass(frozen=True, slots=True)
class Answer:
    """What the mapper made of one payload: its findings, and the whole answer as text."""

    findings: tuple[Answered, ...]
    text: str


def judge(row: GoldenRow, answer: Answer) -> str | None:
    """Returns why an answer is wrong, or None when it is right.

    Right is exactly the set of expected labels, each risk (the highest of a label) within its bounds, the
    expected tier, and nothing of the payload's hidden texts. A golden row is about reading a payload: where
    no rule knows a label, what a model names instead stands for OTHER.Unknown, unless it calls it safe.
    """
    risks, tiers = _by_label(answer.findings)
    expected = row.expected.findings
    if risks.keys() != expected.keys():
        return f"{_listed(risks)} instead of {_listed(expected)}"
    for label, bounds in expected.items():
        if bounds is not None and not bounds[0] <= risks[label] <= bounds[1]:
            return f"the risk of {label} is {risks[label]}, not within {list(bounds)}"
    if row.expected.tier is not None:
        named = {tier for found in tiers.values() for tier in found}
        allowed = {_RULE} if row.expected.tier == _RULE else {row.expected.tier, *_NAMED_BY_A_MODEL}
        if named - allowed:
            return f"named by the tier {', '.join(sorted(named - allowed))}, not {row.expected.tier}"
    if any(hidden in answer.text for hidden in row.hidden):
        return "the answer carries a text of the payload"
    return None


def _by_label(findings: tuple[Answered, ...]) -> tuple[dict[str, float], dict[str, set[str]]]:
    risks: dict[str, float] = {}
    tiers: dict[str, set[str]] = {}
    for one in findings:
        guessed = one.tier in _NAMED_BY_A_MODEL and one.label != SAFE
        label = UNKNOWN if guessed else one.label
        risks[label] = max(one.risk, risks.get(label, 0.0))
        tiers.setdefault(label, set()).add(one.tier)
    return risks, tiers


def _listed(labels: Mapping[str, object]) -> str:
    return ", ".join(sorted(labels))
