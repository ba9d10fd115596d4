"""A threshold as a change of a Rego policy, weighed on stored decisions before anybody is shown it.

Shipped policies are the ones that this service knows the text of, so that it is their decisions that are made
again: each stored analysis is put to the policy as it is and to the changed one. What the evidence does not
tell is taken to be the common case: that its findings were mapped, and that nothing is known of a direction.
"""

import difflib
import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from analysis_svc.domain.insights.feedback import Feedback, ReviewState, Word
from analysis_svc.domain.insights.span import Span

MOST_DECISIONS = 2_000
"""Stored analyses that a change is weighed on, the newest of the span."""
MOST_FINDINGS = 20_000
"""Findings in them, together; what is older than that many is left out."""
MOST_CHANGES = 5
"""Changes that are weighed for one answer."""
_LABEL = re.compile(r"[A-Z][A-Za-z0-9_]*(\.[A-Za-z0-9_]+)+")
_FINDINGS, _COUNTED = "input.findings", "counted"
_RULES = """
# Findings of this label count only where the mapper is sure enough: advised, and weighed on stored decisions.
counted := [finding |
	some finding in input.findings
	not too_unsure(finding)
]

too_unsure(finding) if {{
	finding.label == {label}
	finding.confidence < {threshold}
}}
"""


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy whose text is known.

    Attributes:
        name: as analyses name it.
        version: likewise.
        source: Rego v1, package ``policy``.
    """

    name: str
    version: str
    source: str


@dataclass(frozen=True, slots=True)
class StoredDecision:
    """What a policy decided on, as far as it is kept.

    Attributes:
        evidence_id: of the analysis.
        policy: name and version of the policy; None where the analysis tells none.
        enough: whether every detector that had to look did.
        findings: each with id, label, score, confidence, detectors and occurrences; none while they have not
            been read.
    """

    evidence_id: UUID
    policy: tuple[str, str] | None
    enough: bool
    findings: Sequence[Mapping[str, Any]] = ()

    def question(self) -> dict[str, Any]:
        """Return what a policy sees as ``input``."""
        return {"mapped": True, "findings": list(self.findings), "coverage": {"enough": self.enough}}


@dataclass(frozen=True, slots=True)
class Answered:
    """What a policy decides on one question, and which findings it counts.

    Attributes:
        action: such as ``allow``.
        counted: ids of the findings that it counts; None where it counts all.
    """

    action: str
    counted: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class RegoEffect:
    """What a change would have made of stored decisions.

    Attributes:
        analyses: how many decisions were made again.
        flagged_before: of them not allowed by the policy as it is.
        flagged_after: of them not allowed by the changed one.
        confirmed: findings in them of which an accepted word says that something is there.
        confirmed_lost: of those no longer counted.
        false_positives: findings in them that an accepted word calls a false alarm.
        false_positives_removed: of those no longer counted.
    """

    analyses: int
    flagged_before: int
    flagged_after: int
    confirmed: int
    confirmed_lost: int
    false_positives: int
    false_positives_removed: int


@dataclass(frozen=True, slots=True)
class RegoDiff:
    """A change of a policy, as a unified diff that ``patch`` takes, with its effect."""

    policy: str
    policy_version: str
    diff: str
    effect: RegoEffect


@dataclass(frozen=True, slots=True)
class RegoAdvice:
    """A diff, or why there is none: one of the two."""

    diff: RegoDiff | None
    left_out: str | None


class NotEvaluatedError(Exception):
    """A policy could not be evaluated; the message says why, for a tenant to read."""


class PolicyEvaluation(Protocol):
    """Evaluates policies on many questions."""

    async def answers(
        self, sources: Sequence[str], questions: Sequence[Mapping[str, Any]]
    ) -> Sequence[Sequence[Answered]]:
        """Return for each source what it answers to each question.

        Raises:
            NotEvaluatedError: one fails, or all of it takes too long.
        """
        ...


class StoredDecisions(Protocol):
    """Reads what was decided on."""

    async def newest(self, tenant_id: UUID, span: Span, *, most: int) -> Sequence[StoredDecision]:
        """Return the newest of a span, without their findings.

        Raises:
            StorageUnavailableError: the database is away.
        """
        ...

    async def with_findings(
        self, tenant_id: UUID, decisions: Sequence[StoredDecision], *, most: int
    ) -> Sequence[StoredDecision]:
        """Return the first of some decisions with their findings, at most so many of these together.

        Raises:
            StorageUnavailableError: the database is away.
        """
        ...


class WeighRego:
    """Turns thresholds into changes of a policy, and weighs them.

    Args:
        stored: what was decided on.
        evaluation: evaluates Rego.
        policies: those whose text is known.
    """

    def __init__(
        self, stored: StoredDecisions, evaluation: PolicyEvaluation, policies: Sequence[Policy]
    ) -> None:
        self._stored = stored
        self._evaluation = evaluation
        self._policies = {(one.name, one.version): one for one in policies}

    async def weigh(
        self, tenant_id: UUID, span: Span, thresholds: Mapping[str, float], words: Sequence[Feedback]
    ) -> dict[str, RegoAdvice]:
        """Return a diff for each label, or why there is none.

        Args:
            tenant_id: whose decisions.
            span: of when.
            thresholds: the least confidence that is to count, by label.
            words: what people said in the span; only accepted ones are looked at.
        """
        if not thresholds:
            return {}
        decisions = await self._stored.newest(tenant_id, span, most=MOST_DECISIONS)
        policy, theirs = self._most_used(decisions)
        if policy is None:
            return dict.fromkeys(thresholds, _without(_no_policy(decisions)))
        found: dict[str, RegoAdvice] = {}
        asked: dict[str, float] = {}
        for label, least in thresholds.items():
            if not _LABEL.fullmatch(label):
                found[label] = _without("the label cannot be written into a policy")
            elif len(asked) >= MOST_CHANGES:
                found[label] = _without(f"only {MOST_CHANGES} changes are evaluated for one answer")
            else:
                asked[label] = least
        theirs = await self._stored.with_findings(tenant_id, theirs, most=MOST_FINDINGS)
        sources = [changed(policy.source, label, least) for label, least in asked.items()]
        try:
            before, *after = await self._evaluation.answers(
                [policy.source, *sources], [one.question() for one in theirs]
            )
        except NotEvaluatedError as error:
            return found | dict.fromkeys(asked, _without(str(error)))
        for label, source, answers in zip(asked, sources, after, strict=True):
            effect = effect_of(theirs, before, answers, words)
            found[label] = _worth(policy, source, effect)
        return found

    def _most_used(
        self, decisions: Sequence[StoredDecision]
    ) -> tuple[Policy | None, Sequence[StoredDecision]]:
        used = Counter(one.policy for one in decisions if one.policy and one.policy in self._policies)
        if not used:
            return None, []
        ((key, _),) = used.most_common(1)
        return self._policies[key], [one for one in decisions if one.policy == key]


def changed(source: str, label: str, threshold: float) -> str:
    """Return a policy that counts findings of a label only from a confidence on."""
    rules = _RULES.format(label=json.dumps(label), threshold=json.dumps(threshold))
    return source.replace(_FINDINGS, _COUNTED) + rules


def diff_of(before: str, after: str) -> str:
    """Return a unified diff of two policies."""
    lines = difflib.unified_diff(
        before.splitlines(keepends=True), after.splitlines(keepends=True), "a/policy.rego", "b/policy.rego"
    )
    return "".join(lines)


def effect_of(
    decisions: Sequence[StoredDecision],
    before: Sequence[Answered],
    after: Sequence[Answered],
    words: Sequence[Feedback],
) -> RegoEffect:
    """Count what a change makes of decisions, and of findings that people looked at and others agreed on."""
    said = _accepted(words)
    confirmed: list[bool] = []
    alarms: list[bool] = []
    for decision, answer in zip(decisions, after, strict=True):
        for finding in decision.findings:
            word = said.get((decision.evidence_id, finding["id"]))
            if word is not None:
                kept = answer.counted is None or finding["id"] in answer.counted
                (alarms if word is Word.FALSE_POSITIVE else confirmed).append(kept)
    return RegoEffect(
        analyses=len(decisions),
        flagged_before=_flagged(before),
        flagged_after=_flagged(after),
        confirmed=len(confirmed),
        confirmed_lost=confirmed.count(False),
        false_positives=len(alarms),
        false_positives_removed=alarms.count(False),
    )


def _accepted(words: Sequence[Feedback]) -> dict[tuple[UUID, str], Word]:
    """Return the word on each finding that was accepted last."""
    accepted = [one for one in words if one.state is ReviewState.ACCEPTED and one.review]
    accepted.sort(key=lambda one: (one.review.reviewed_at if one.review else one.given_at, one.id))
    return {(one.given.evidence_id, one.given.finding_id): one.given.word for one in accepted}


def _flagged(answers: Sequence[Answered]) -> int:
    return sum(1 for one in answers if one.action != "allow")


def _worth(policy: Policy, source: str, effect: RegoEffect) -> RegoAdvice:
    """Give the diff where accepted words speak for it; a policy is not loosened on one person's word."""
    if effect.false_positives_removed <= effect.confirmed_lost:
        return _without(
            f"on {effect.analyses} stored analyses it would remove {effect.false_positives_removed} of"
            f" {effect.false_positives} accepted false alarms and lose {effect.confirmed_lost} of"
            f" {effect.confirmed} accepted findings"
        )
    diff = diff_of(policy.source, source)
    return RegoAdvice(RegoDiff(policy.name, policy.version, diff, effect), None)


def _no_policy(decisions: Sequence[StoredDecision]) -> str:
    if not decisions:
        return "no analysis of the span is stored"
    return "the text of the policy that decided on the span's analyses is not known here"


def _without(reason: str) -> RegoAdvice:
    return RegoAdvice(None, reason)
