"""Reads what a second person accepted, as each service keeps it, of a tenant that lets it enter training."""

from collections.abc import Sequence
from uuid import UUID

from pipelines.lib.feedback.reviewed_word import ReviewedWord
from pipelines.lib.retention.service_database import Row, ServiceDatabase

ORIGINS = {"analysis": "feedback on findings", "mapper": "review queue of the mapper"}
"""What the data set says of where a row comes from; never whose it is."""

_WORDS = {
    # Of a finding the word that was accepted last. One that was confirmed has its label; what is only said to
    # be wrong has none.
    "analysis": """
select distinct on (f.evidence_id, f.finding_id)
    f.detector as vendor, f.raw_label as raw, r.reviewed_at, r.reviewed_by,
    null as taxonomy, 'en' as lang,
    case f.verdict when 'relabel' then f.right_label when 'confirmed' then f.label end as label
from analysis.feedback f
join analysis.feedback_reviews r on r.tenant_id = f.tenant_id and r.feedback_id = f.id
where r.accepted
order by f.evidence_id, f.finding_id, r.reviewed_at desc, f.id desc
""",
    # Of a label the decision that was accepted last, also where it came into the queue anew.
    "mapper": """
select distinct on (d.vendor, d.raw_label) d.vendor, d.raw_label as raw, r.reviewed_at, r.reviewed_by,
    d.taxonomy, d.lang, d.right_label as label
from mapper.review_decisions d
join mapper.review_decision_reviews r on r.tenant_id = d.tenant_id and r.decision_id = d.id
where r.accepted
order by d.vendor, d.raw_label, r.reviewed_at desc, d.number desc, d.id
""",
}


def read_words(database: ServiceDatabase, tenant_id: UUID) -> Sequence[ReviewedWord] | None:
    """Return the accepted words of a tenant in one service; None when its settings there do not agree.

    Raises:
        psycopg.Error: the database does not answer.
    """
    if database.settings(tenant_id)[1].get("feedback_for_training") is not True:
        return None
    with database.tenant(tenant_id) as connection:
        rows = connection.execute(_WORDS[database.service]).fetchall()
    return [_word(row, ORIGINS[database.service]) for row in rows]


def _word(row: Row, origin: str) -> ReviewedWord:
    return ReviewedWord(
        vendor=row["vendor"],
        raw=row["raw"],
        label=row["label"],
        taxonomy=row["taxonomy"],
        lang=row["lang"],
        reviewed_at=row["reviewed_at"],
        reviewed_by=row["reviewed_by"],
        origin=origin,
    )
