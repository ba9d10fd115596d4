"""Findings that people judged: how bad the text was, or that the finding was wrong."""

import csv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from pipelines.lib.retention.service_database import ServiceDatabase

PROFANITY = ("alt_profanity_check", "HARM.SPEECH.Profanity")
"""The one detector of harm that works from the text alone, and the label that the mapper gives its word."""

_BOUNDARY = 0.5
"""Under it that detector reports nothing, so nothing can be learned of its findings there."""

_FEEDBACK = """
select f.detector, f.label, f.score, f.verdict from analysis.feedback f
join analysis.feedback_reviews r on r.tenant_id = f.tenant_id and r.feedback_id = f.id
where r.accepted and f.detector is not null and f.verdict in ('confirmed', 'false_positive')
"""


@dataclass(frozen=True, slots=True)
class Judged:
    """One finding and what people said of it.

    Attributes:
        detector: who found it.
        label: canonical.
        score: risk that the detector saw, in [0, 1].
        severity: how bad people found it, in [0, 1]; 0 for a false positive, None for one that was confirmed
            without a word on how bad it is.
    """

    detector: str
    label: str
    score: float
    severity: float | None


def read_corpus(path: Path, scores: Callable[[Sequence[str]], Sequence[float]]) -> list[Judged]:
    """Read texts with human severities, as findings of the profanity detector.

    Args:
        path: CSV with `text` and `human_score` from 0 to 1.
        scores: gives each text the detector's probability.

    Raises:
        ValueError: a row has no such score; names the line.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = [
            (number, row["text"], float(row["human_score"]))
            for number, row in enumerate(csv.DictReader(file), 2)
        ]
    for number, _, human in rows:
        if not 0.0 <= human <= 1.0:
            raise ValueError(f"{path.name}: row {number}: human_score is not from 0 to 1")
    seen = scores([text for _, text, _ in rows])
    return [
        Judged(*PROFANITY, float(score), human)
        for (_, _, human), score in zip(rows, seen, strict=True)
        if score >= _BOUNDARY
    ]


def read_feedback(analysis: ServiceDatabase, tenants: Sequence[UUID]) -> Iterator[Judged]:
    """Read feedback that a second person accepted, of tenants that let it enter training."""
    for tenant in tenants:
        if analysis.settings(tenant)[1].get("feedback_for_training") is not True:
            continue
        with analysis.tenant(tenant) as connection:
            rows = connection.execute(_FEEDBACK).fetchall()
        for row in rows:
            wrong = row["verdict"] == "false_positive"
            yield Judged(row["detector"], row["label"], row["score"], 0.0 if wrong else None)


def profanity_scores(texts: Sequence[str]) -> Sequence[float]:
    """Score texts as the detector does, whole."""
    from profanity_check import predict_prob  # type: ignore[import-untyped]  # noqa: PLC0415 - loads its weights

    return [float(score) for score in predict_prob(list(texts))]
