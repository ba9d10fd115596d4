"""What the dashboard asks of kept evidence, as statements; row-level security adds the tenant."""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    CTE,
    ColumnElement,
    DateTime,
    Integer,
    Interval,
    Select,
    TableValuedAlias,
    Text,
    and_,
    bindparam,
    cast,
    column,
    func,
    literal,
    select,
    true,
    tuple_,
    union_all,
)
from sqlalchemy.dialects.postgresql import JSONB

from analysis_svc.adapters.insights.risk_facts import not_fully_looked
from analysis_svc.adapters.tables import analyses, findings
from analysis_svc.domain.catalogue import SAFE
from analysis_svc.domain.dashboard_views import EvidenceFilter, Stretch
from analysis_svc.domain.models import Level

SEVERE = (Level.HIGH.value, Level.CRITICAL.value)
_MOST_NAMES = 100
_SUCCEEDED = 1
_FOUND_IN = and_(findings.c.tenant_id == analyses.c.tenant_id, findings.c.analysis_id == analyses.c.id)


def within(stretch: Stretch) -> ColumnElement[bool]:
    """Tell whether an analysis is of the stretch."""
    inside = and_(analyses.c.analysed_at >= stretch.start, analyses.c.analysed_at < stretch.end)
    if stretch.application is None:
        return inside
    return and_(inside, analyses.c.application == stretch.application)


def _slice(stretch: Stretch) -> ColumnElement[datetime]:
    width = bindparam("step", stretch.step, type_=Interval, unique=True)
    origin = bindparam("origin", stretch.start, type_=DateTime(timezone=True), unique=True)
    return func.date_bin(width, analyses.c.analysed_at, origin, type_=DateTime(timezone=True))


def _each(names: ColumnElement[Any]) -> TableValuedAlias:
    """The elements of an array of texts, as rows beside the analysis that has them."""
    return func.unnest(names).table_valued(column("name", Text)).render_derived()


def count_levels(stretch: Stretch) -> Select[Any]:
    """Analyses by level, with the newest of each, and how many of them somebody missed who had to look."""
    newest = func.max(analyses.c.analysed_at).label("newest")
    count = func.count().label("seen")
    missed = func.count().filter(not_fully_looked()).label("missed")
    return select(analyses.c.level, count, newest, missed).where(within(stretch)).group_by(analyses.c.level)


def count_violated(stretch: Stretch, most: int) -> Select[Any]:
    """The controls that most analyses violate."""
    alike = _alike(stretch, analyses.c.violated)
    violated = _each(alike.c.violated)
    seen = func.sum(alike.c.seen).label("seen")
    return (
        select(violated.c.name, seen)
        .select_from(alike.join(violated, true()))
        .group_by(violated.c.name)
        .order_by(seen.desc(), violated.c.name)
        .limit(most)
    )


def count_labels(stretch: Stretch) -> Select[Any]:
    """Findings by label, most first; a word that all is well is none."""
    seen = func.count().label("seen")
    return (
        select(findings.c.label.label("name"), seen)
        .select_from(findings.join(analyses, _FOUND_IN))
        .where(within(stretch), findings.c.label != SAFE)
        .group_by(findings.c.label)
        .order_by(seen.desc(), findings.c.label)
    )


def severe_records(stretch: Stretch, most: int) -> Select[Any]:
    """The newest high or critical analyses."""
    chosen = select(analyses).where(within(stretch), analyses.c.level.in_(SEVERE))
    return chosen.order_by(analyses.c.analysed_at.desc(), analyses.c.id.desc()).limit(most)


def detector_runs(stretch: Stretch) -> Select[Any]:
    """How often each detector was expected, and how often it gave something.

    One that is said to have succeeded and to have failed did not succeed, as the analysis has it.
    """
    lists = (analyses.c.detectors_required, analyses.c.detectors_succeeded, analyses.c.detectors_failed)
    alike = _alike(stretch, *lists)
    failed = (
        func.jsonb_array_elements(alike.c.detectors_failed)
        .table_valued(column("one", JSONB))
        .render_derived()
    )
    required, succeeded = _each(alike.c.detectors_required), _each(alike.c.detectors_succeeded)
    sources = (
        (required, required.c.name),
        (succeeded, succeeded.c.name),
        (failed, failed.c.one.op("->>")(0)),
    )
    # The worst word on a run counts: 2 failed, 1 succeeded. 0, that it was required, is no word.
    said = union_all(
        *(
            select(
                alike.c.number,
                alike.c.seen,
                cast(name, Text).label("detector"),
                literal(word, Integer).label("word"),
            ).select_from(alike.join(source, true()))
            for word, (source, name) in enumerate(sources)
        )
    ).subquery()
    worst = select(said.c.detector, said.c.seen, func.max(said.c.word).label("word"))
    runs = worst.group_by(said.c.number, said.c.seen, said.c.detector).subquery()
    expected = func.sum(runs.c.seen)
    succeeded_runs = func.coalesce(func.sum(runs.c.seen).filter(runs.c.word == _SUCCEEDED), 0)
    return (
        select(runs.c.detector, expected.label("expected"), succeeded_runs.label("succeeded"))
        .group_by(runs.c.detector)
        .order_by((expected - succeeded_runs).desc(), runs.c.detector)
        .limit(_MOST_NAMES)
    )


def _alike(stretch: Stretch, *lists: ColumnElement[Any]) -> CTE:
    """Analyses with the same lists counted as one: there are many analyses and few different lists."""
    seen = func.count().label("seen")
    number = func.row_number().over(order_by=lists).label("number")
    return select(*lists, seen, number).where(within(stretch)).group_by(*lists).cte()


def labels_seen(stretch: Stretch) -> Select[Any]:
    """What is known of each label that was found; a word that all is well is no finding."""
    count = func.count().label("findings")
    return (
        select(
            findings.c.label,
            count,
            func.sum(findings.c.occurrences).label("occurrences"),
            func.count(findings.c.analysis_id.distinct()).label("analyses"),
            func.avg(findings.c.confidence).label("mean_confidence"),
            func.max(findings.c.score).label("highest_score"),
            func.max(analyses.c.analysed_at).label("last_seen"),
        )
        .select_from(findings.join(analyses, _FOUND_IN))
        .where(within(stretch), findings.c.label != SAFE)
        .group_by(findings.c.label)
        .order_by(count.desc(), findings.c.label)
    )


def label_slices(stretch: Stretch) -> Select[Any]:
    """Findings of each label, slice by slice."""
    start = _slice(stretch).label("start")
    return (
        select(findings.c.label, start, func.count().label("findings"))
        .select_from(findings.join(analyses, _FOUND_IN))
        .where(within(stretch))
        .group_by(findings.c.label, start)
    )


def analysis_slices(stretch: Stretch) -> Select[Any]:
    """Analyses, slice by slice."""
    start = _slice(stretch).label("start")
    return select(start, func.count().label("analyses")).where(within(stretch)).group_by(start)


def records(stretch: Stretch, wanted: EvidenceFilter, *, after: UUID | None, limit: int) -> Select[Any]:
    """Records newest first."""
    place = tuple_(analyses.c.analysed_at, analyses.c.id)
    query = select(analyses).where(within(stretch))
    if wanted.level is not None:
        query = query.where(analyses.c.level == wanted.level)
    if wanted.request_id is not None:
        query = query.where(analyses.c.request_id == wanted.request_id)
    if wanted.control is not None:
        query = query.where(analyses.c.violated.contains([wanted.control]))
    found = [
        column == value
        for column, value in ((findings.c.label, wanted.label), (findings.c.detector, wanted.detector))
        if value is not None
    ]
    if found:  # in one finding, not one in each
        query = query.where(select(literal(1)).where(_FOUND_IN, *found).correlate(analyses).exists())
    if after is not None:
        last = analyses.alias("last")
        query = query.where(
            place < select(last.c.analysed_at, last.c.id).where(last.c.id == after).scalar_subquery()
        )
    return query.order_by(analyses.c.analysed_at.desc(), analyses.c.id.desc()).limit(limit)


def applications(stretch: Stretch) -> Select[Any]:
    """The applications that were analysed."""
    anywhere = Stretch(stretch.start, stretch.end, stretch.step)
    name = analyses.c.application
    return (
        select(name).where(within(anywhere), name.is_not(None)).distinct().order_by(name).limit(_MOST_NAMES)
    )
