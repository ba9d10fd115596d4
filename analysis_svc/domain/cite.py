"""Citations: sentences of the shipped catalogue, word for word."""

from collections.abc import Sequence

from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.models import Citation, ComplianceEntry

MAX_CITATIONS = 8
MAX_QUOTE = 300
"""Characters; the loader refuses a longer statement, so that a quote is never cut."""


def cite(entries: Sequence[ComplianceEntry], catalogue: Catalogue) -> tuple[Citation, ...]:
    """Cite the controls that matter most, at most MAX_CITATIONS of them, best first.

    Every framework gets its best one in before any gets a second, so that none is crowded out.
    The quote is the catalogue's own sentence on the control, and `source` says so: official texts are
    not quoted from memory. The score is the strength of the strongest finding times the weight of
    the relation.
    """
    citations = [
        Citation(
            source=f"catalogue:{entry.framework}@{entry.edition}",
            ref_id=entry.control,
            quote=catalogue.frameworks[entry.framework].controls[entry.control].statement,
            score=round(entry.strength * entry.relation.weight, 4),
        )
        for entry in entries
    ]
    citations.sort(key=_best_first)
    best = list({citation.source: citation for citation in reversed(citations)}.values())
    best.sort(key=_best_first)
    others = [citation for citation in citations if citation not in best]
    return tuple(sorted([*best, *others][:MAX_CITATIONS], key=_best_first))


def _best_first(citation: Citation) -> tuple[float, str, str]:
    return (-citation.score, citation.source, citation.ref_id)
