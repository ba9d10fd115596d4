"""Evidence counted by the hour and application, as SQL: what is rolled up, and what is counted raw beside it.

Each part is selected from ``chosen``, the analyses of some stretches of time, and is the same statement in
both cases, so that what was rolled up and what is counted raw cannot differ.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec
from sqlalchemy import Table

from analysis_svc.adapters.rolled_tables import rolled_controls, rolled_labels, rolled_looks, rolled_versions
from analysis_svc.domain.catalogue import MODEL_ERROR, NEEDS_REVIEW, UNKNOWN
from analysis_svc.domain.evidence_facts import EVIDENCE_SHOWN
from analysis_svc.domain.map_controls import VIOLATION_STRENGTH

_MADE = "2"
"""Changes with the statements below, so that what older ones rolled up is counted again."""
_OPEN = (MODEL_ERROR, UNKNOWN, NEEDS_REVIEW)

STRETCHES = 4
"""Stretches of time that one statement counts at most."""
_STRETCHES = " or ".join(
    f"analysed_at >= cast(:since_{number} as timestamptz)"
    f" and analysed_at < cast(:until_{number} as timestamptz)"
    for number in range(STRETCHES)
)
# Of several accepted words on a finding the one accepted last holds. `reviewed` has what each finding of the
# analysis counts as: another label, or null for a false alarm; one that is not in it counts as it was kept.
LAST_WORDS = f"""
    last_words as materialized (
        select * from (
            select distinct on (word.evidence_id, word.finding_id)
                   word.evidence_id, word.finding_id, word.id, word.verdict, word.given_at, word.given_by,
                   review.reviewed_at, review.reviewed_by,
                   case when word.verdict = 'relabel' then word.right_label end as right_label
            from analysis.feedback word join analysis.feedback_reviews review
                 on review.tenant_id = word.tenant_id and review.feedback_id = word.id
            where review.accepted and ({_STRETCHES})
            order by word.evidence_id, word.finding_id, review.reviewed_at desc, word.id desc
        ) as accepted
        where verdict <> 'confirmed'
    ), words as materialized (
        select evidence_id, jsonb_object_agg(finding_id, right_label) as reviewed
        from last_words group by evidence_id
    )
"""  # noqa: S608 - put together of constants
CHOSEN = f"""
    {LAST_WORDS}, chosen as not materialized (
        select a.*, date_trunc('hour', a.analysed_at, 'UTC') as hour, words.reviewed
        from analysis.analyses a left join words on words.evidence_id = a.id
        where ({_STRETCHES}) and (cast(:application as text) is null or a.application = :application)
    )
"""  # noqa: S608 - put together of constants
TOLD = """
    case when chosen.reviewed ? f.finding_id then chosen.reviewed ->> f.finding_id else f.label end
"""
"""What a finding `f` of `chosen` counts as; null: it is put aside."""
STRONG = "cast(cast(:severities as jsonb) ->> told.label as double precision) * score * confidence >= :floor"


@dataclass(frozen=True, slots=True)
class Part:
    """One table of the roll-up, and the statement behind CHOSEN that counts what is in it."""

    table: Table
    select: str

    @property
    def both(self) -> str:
        """What is rolled up of the hours, and the rest counted raw, as the common table ``parts``."""
        names = self._names("tenant_id", "application")
        return f"""
            with {CHOSEN}, parts as (
                select {names} from {self.table.fullname}
                where hour = any(cast(:hours as timestamptz[]))
                  and (cast(:application as text) is null or application = :application)
                union all
                select {names} from ({self.select}) as raw
            )
        """  # noqa: S608 - put together of constants

    @property
    def roll(self) -> str:
        """Count the stretches and keep what it comes to."""
        names = self._names("tenant_id")
        return f"""
            insert into {self.table.fullname} (tenant_id, {names})
            with {CHOSEN}
            select cast(:tenant as uuid), {names} from ({self.select}) as raw
        """  # noqa: S608 - put together of constants

    def _names(self, *without: str) -> str:
        return ", ".join(column.name for column in self.table.columns if column.name not in without)


# Findings are read analysis by analysis, for nearly always few hours are counted and the table is long.
#
# First equal analyses are put together, then it is worked out once for each kind who looked cleanly. A
# finding that is open takes its detector out, and one without a detector takes out all of them.
LOOKS = Part(
    rolled_looks,
    f"""
    select hour, application, clean, sum(analyses)::bigint as analyses,
           min(first_at) as first_at, max(last_at) as last_at
    from (
        select hour, application, detectors_succeeded, detectors_failed, open.names,
               count(*) as analyses, min(analysed_at) as first_at, max(analysed_at) as last_at
        from chosen cross join lateral (
            select array_agg(distinct coalesce(f.detector, '') order by coalesce(f.detector, '')) as names
            from analysis.findings f
            where f.tenant_id = chosen.tenant_id and f.analysis_id = chosen.id
              and ({TOLD} = any(cast(:open as text[])) or f.label = :unread)
        ) as open
        group by hour, application, detectors_succeeded, detectors_failed, open.names
    ) as kinds
    cross join lateral (
        select array(
            select distinct one from unnest(detectors_succeeded) as one
            where not '' = any(coalesce(names, '{{}}')) and not one = any(coalesce(names, '{{}}'))
              and not exists (select 1 from jsonb_array_elements(detectors_failed) f where f ->> 0 = one)
            order by one
        ) as clean
    ) as looked
    group by hour, application, clean
    """,  # noqa: S608 - put together of constants
)
LABELS = Part(
    rolled_labels,
    f"""
    select hour, application, label, sum(findings)::bigint as findings, sum(strong)::bigint as strong,
           count(*) filter (where strong > 0) as strong_analyses,
           coalesce(
               (array_agg(id order by analysed_at desc, id) filter (where strong > 0))[1:20], '{{}}'
           ) as strong_in,
           coalesce(
               (array_agg(analysed_at order by analysed_at desc, id) filter (where strong > 0))[1:20], '{{}}'
           ) as strong_at
    from (
        select hour, application, analysed_at, id, of_label.*
        from chosen cross join lateral (
            select told.label, count(*) as findings, count(*) filter (where {STRONG}) as strong
            from (
                select {TOLD} as label, f.score, f.confidence
                from analysis.findings f
                where f.tenant_id = chosen.tenant_id and f.analysis_id = chosen.id
            ) as told
            where told.label is not null group by told.label
        ) as of_label
    ) as each
    group by hour, application, label
    """,  # noqa: S608 - put together of constants
)
# What was reviewed since is judged one by one, by the catalogue of whoever asks: `REVIEWED_ANALYSES`.
CONTROLS = Part(
    rolled_controls,
    """
    select hour, application, control, count(*) as analyses,
           (array_agg(id order by analysed_at desc, id))[1:20] as evidence,
           (array_agg(analysed_at order by analysed_at desc, id))[1:20] as evidence_at
    from chosen cross join unnest(violated) as control
    where reviewed is null
    group by hour, application, control
    """,
)
VERSIONS = Part(
    rolled_versions,
    """
    select hour, application, taxonomy, versions, count(*) as analyses
    from chosen group by hour, application, taxonomy, versions
    """,
)
PARTS = (LOOKS, LABELS, CONTROLS, VERSIONS)


def stretch_values(stretches: Sequence[tuple[datetime, datetime]]) -> dict[str, object]:
    """Return the values of the parameters that say which analyses are chosen.

    Args:
        stretches: the first instant of each, and the first behind it; STRETCHES at most.
    """
    nowhere = datetime.min.replace(tzinfo=UTC)
    whole = [*stretches, *[(nowhere, nowhere)] * (STRETCHES - len(stretches))]
    since: dict[str, object] = {f"since_{number}": one for number, (one, _) in enumerate(whole)}
    return since | {f"until_{number}": one for number, (_, one) in enumerate(whole)}


def way_of_counting(severities: Mapping[str, float]) -> tuple[str, dict[str, object]]:
    """Return the values that all parts are counted with, and a digest of all that decides what they come to.

    Args:
        severities: of each label, in [0, 1].
    """
    values: dict[str, object] = {
        "open": list(_OPEN),
        "unread": MODEL_ERROR,
        "severities": msgspec.json.encode(dict(severities), order="sorted").decode(),
        "floor": VIOLATION_STRENGTH,
    }
    whole = msgspec.json.encode([_MADE, EVIDENCE_SHOWN, values])
    return hashlib.sha256(whole).hexdigest(), values
