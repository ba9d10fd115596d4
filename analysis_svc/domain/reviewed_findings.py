"""Findings that a second person agreed are false alarms, or something else than they were called.

The evidence stays as it was kept; what is counted from it is counted without what was put aside. Of several
accepted words on a finding the one that was accepted last holds, and a `confirmed` among them puts nothing
aside. A word that nobody accepted changes nothing. An output that could not be read stays a look that
failed, whatever was said about it.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from analysis_svc.domain.catalogue import Catalogue, JudgedOn, Relation

Breaks = Mapping[str, AbstractSet[str]]
"""By label the controls, as "framework control", that a strong finding of it breaks."""


@dataclass(frozen=True, slots=True)
class ReviewedFinding:
    """A finding that counts no more as what it was kept as.

    Attributes:
        evidence_id: of the analysis.
        analysed_at: when that was.
        finding_id: of the finding in it.
        label: that it was kept with.
        right_label: that it counts as; None where it was put aside as a false alarm.
        feedback_id: of the word that was accepted.
        given_at: when it was said.
        given_by: token id of who said it.
        reviewed_at: when it was accepted.
        reviewed_by: token id of who accepted it.
    """

    evidence_id: UUID
    analysed_at: datetime
    finding_id: str
    label: str
    right_label: str | None
    feedback_id: UUID
    given_at: datetime
    given_by: str
    reviewed_at: datetime
    reviewed_by: str


@dataclass(frozen=True, slots=True)
class ReviewedAnalysis:
    """An analysis with such findings, that was answered with controls as violated.

    Attributes:
        evidence_id: names it.
        at: when it was.
        violated: what it was answered with, as "framework control".
        gone: labels that its reviewed findings were kept with.
        strong: labels of what it has now that is strong enough to break a control.
    """

    evidence_id: UUID
    at: datetime
    violated: Sequence[str]
    gone: Sequence[str]
    strong: Sequence[str]


def what_breaks(catalogue: Catalogue) -> Breaks:
    """Return what a strong finding of each label breaks by this catalogue."""
    return {
        label: {
            f"{link.control.framework} {link.control.id}"
            for link in links
            if link.relation is Relation.DIRECT and link.control.judged_on is JudgedOn.REQUEST
        }
        for label, links in catalogue.links.items()
    }


def still_violated(one: ReviewedAnalysis, breaks: Breaks) -> list[str]:
    """Return the violations that an analysis was answered with and that its review leaves.

    One goes only where a finding that counts no more bears directly on the control, and none that is left
    does: what the catalogue of today cannot tie to a reviewed finding stays.
    """
    gone = {control for label in one.gone for control in breaks.get(label, ())}
    kept = {control for label in one.strong for control in breaks.get(label, ())}
    return [control for control in one.violated if control not in gone or control in kept]
