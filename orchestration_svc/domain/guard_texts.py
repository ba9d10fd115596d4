"""Whether texts pass, pass without what was found in them, or are refused."""

from collections.abc import Sequence
from dataclasses import dataclass

from orchestration_svc.domain.judge_text import BLOCKED, Undetermined, Verdict
from orchestration_svc.domain.redact import Span, redact_all
from orchestration_svc.domain.tenant_settings import FailMode, RequestChoices

# Without these a text is as good as before; what is harmful or attacks is no better without its words.
_CAN_BE_TAKEN_OUT = ("PII.", "SECRET.")


@dataclass(frozen=True, slots=True)
class Guarded:
    """What becomes of the texts of a request.

    Attributes:
        reasons: why they are refused, as canonical labels, `BLOCKED` or words of `Undetermined`; empty when
            they pass.
        texts: what may pass on, in order; as they came when nothing was taken out.
        changed: whether something was taken out.
    """

    reasons: tuple[str, ...]
    texts: tuple[str, ...]
    changed: bool


def guard_texts(
    texts: Sequence[str],
    verdicts: Sequence[Verdict],
    choices: RequestChoices,
    *,
    may_redact: bool,
    fixed: Sequence[Verdict] = (),
    unseen: bool = False,
) -> Guarded:
    """Decide about the texts of a request.

    Args:
        texts: that can be changed.
        verdicts: on each of them.
        choices: what the tenant chose.
        may_redact: whether personal data and secrets are taken out instead of refusing the texts.
        fixed: verdicts on what cannot be changed, so that any finding in it refuses the request.
        unseen: whether the request holds something that nobody can look at.
    """
    reasons = [one.category for verdict in fixed for one in verdict.found]
    for verdict in verdicts:
        reasons += [
            one.category
            for one in verdict.found
            if not (may_redact and one.placed and one.category.startswith(_CAN_BE_TAKEN_OUT))
        ]
    if any(verdict.blocked for verdict in (*verdicts, *fixed)):
        reasons.append(BLOCKED)
    if choices.fail_mode is FailMode.CLOSED:
        reasons += [doubt.value for verdict in (*verdicts, *fixed) for doubt in verdict.undetermined]
        reasons += [Undetermined.NOT_LOOKED_AT.value] if unseen else []
    if reasons:
        return Guarded(tuple(dict.fromkeys(reasons)), tuple(texts), changed=False)
    spans = [[Span(one.start, one.end, one.label) for one in verdict.found] for verdict in verdicts]
    if not any(spans):
        return Guarded((), tuple(texts), changed=False)
    made = redact_all(texts, spans, choices.redaction)
    return Guarded((), tuple(one.text for one in made), changed=True)
