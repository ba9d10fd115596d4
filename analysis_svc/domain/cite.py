"""Citations: sentences of the shipped catalogue, word for word."""

from collections.abc import Sequence

from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.models import Citation, ComplianceEntry

MAX_CITATIONS = 8
MAX_QUOTE = 300
"""Characters. No shipped statement is longer; of a tenant's own one the quote is the beginning."""


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
            quote=quote_of(catalogue.frameworks[entry.framework].controls[entry.control].statement),
            score=round(entry.strength * entry.relation.weight, 4),
        )
        for entry in entries
    ]
    citations.sort(key=_best_first)
    best = list({citation.source: citation for citation in reversed(citations)}.values())
    best.sort(key=_best_first)
    others = [citation for citation in citations if citation not in best]
    return tuple(sorted([*best, *others][:MAX_CITATIONS], key=_best_first))


def quote_of(statement: str) -> str:
    """Return the statement, or as many of its first words as a quote may have."""
    if len(statement) <= MAX_QUOTE:
        return statement
    return statement[: MAX_QUOTE + 1].rpartition(" ")[0] or statement[:MAX_QUOTE]


def _best_first(citation: Citation) -> tuple[float, str, str]:
    return (-citation.score, citation.source, citation.ref_id)
