"""Kinds of data that age, and for how long each may be kept."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Kind(StrEnum):
    """What has a term of its own.

    Members:
        EVIDENCE: analyses and their findings.
        INCIDENTS: incidents that were resolved; an open one stays.
        FEEDBACK: people's word on findings, with its review.
        QUALITY: what the quality came to, week by week; sums, of nobody.
        REPORTS: reports with their files.
        KNOWLEDGE: a tenant's own documents, the one thing here that is text.
    """

    EVIDENCE = "evidence"
    INCIDENTS = "incidents"
    FEEDBACK = "feedback"
    QUALITY = "quality"
    REPORTS = "reports"
    KNOWLEDGE = "knowledge"


@dataclass(frozen=True, slots=True)
class Term:
    """How many days a kind is kept.

    Attributes:
        default: where the tenant set nothing.
        least: the fewest that a tenant can set.
        most: the most that a tenant can set.
    """

    default: int
    least: int
    most: int


TERMS: Mapping[Kind, Term] = MappingProxyType(
    {
        # Two audit periods of a year. A month is the shortest over which a control can be assessed; ten years
        # are the longest that the EU AI Act asks anybody to keep documents (Article 18).
        Kind.EVIDENCE: Term(default=730, least=30, most=3650),
        Kind.INCIDENTS: Term(default=730, least=30, most=3650),
        Kind.FEEDBACK: Term(default=730, least=30, most=3650),
        Kind.QUALITY: Term(default=1095, least=30, most=3650),
        Kind.REPORTS: Term(default=730, least=1, most=3650),
        Kind.KNOWLEDGE: Term(default=3650, least=1, most=36_500),
    }
)
