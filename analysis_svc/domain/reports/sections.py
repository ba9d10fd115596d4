"""The sections of a report; each says what is not known as plainly as what is."""

from collections.abc import Sequence
from datetime import timedelta

from analysis_svc.domain.models import EvidenceState
from analysis_svc.domain.reports import charts
from analysis_svc.domain.reports.content import ControlFacts, IncidentFacts, ReportContent
from analysis_svc.domain.reports.document import (
    Block,
    Cell,
    Chart,
    Column,
    Heading,
    Items,
    Notice,
    Paragraph,
    Table,
    Tile,
    Tiles,
    Tone,
)
from analysis_svc.domain.reports.words import STATE_TONES, brief, counted, moment, span

_MOST_IN_CHART = 15
UNKNOWN = "-"


def verdict(content: ReportContent) -> Notice:
    """Say in one sentence what the evidence says; nothing found is never called compliance."""
    violated = len(content.controls_in(EvidenceState.VIOLATED))
    unknown = len(content.controls_in(EvidenceState.INSUFFICIENT))
    controls = counted(len(content.controls), "control")
    if not content.whole.analyses:
        return Notice(
            "Nothing was analysed in this period",
            f"There is no evidence for any of {controls}. That is no statement about compliance.",
            Tone.OPEN,
        )
    if violated:
        return Notice(
            f"{violated:,} of {controls} {'was' if violated == 1 else 'were'} violated",
            f"For {unknown:,} more the evidence does not suffice to say either way."
            if unknown
            else "For every other control the evidence suffices, and shows none violated.",
            Tone.BAD,
        )
    if unknown:
        return Notice(
            f"No violation was seen, but {unknown:,} of {controls} cannot be judged",
            "Their evidence does not suffice. What was not looked at is not clean.",
            Tone.OPEN,
        )
    return Notice(
        f"The evidence suffices for all {controls}, and shows none violated",
        "This holds for the texts that were analysed and the rules of evidence named in this report.",
        Tone.GOOD,
    )


def numbers(content: ReportContent) -> Tiles:
    """The figures that everybody asks for first."""
    stored, totals = content.stored, content.incident_totals
    satisfied = len(content.controls_in(EvidenceState.SATISFIED))
    violated = len(content.controls_in(EvidenceState.VIOLATED))
    whole = content.whole
    complete = stored.complete
    return Tiles(
        (
            Tile("Texts analysed", f"{content.whole.analyses:,}", counted(stored.findings, "finding")),
            Tile(
                "Risk score",
                UNKNOWN if whole.score is None else f"{whole.score:.0f}",
                "nothing was analysed"
                if whole.score is None
                else f"of 100; between {whole.low or 0:.0f} and {whole.high or 0:.0f}",
            ),
            Tile(
                "Controls satisfied",
                f"{satisfied:,} of {len(content.controls):,}",
                f"{violated:,} violated",
                Tone.BAD if violated else Tone.PLAIN,
            ),
            Tile(
                "All detectors looked",
                charts.percent(complete.value),
                f"at {complete.part:,} of {complete.whole:,} texts",
                Tone.PLAIN if complete.part == complete.whole and complete.whole else Tone.OPEN,
            ),
            Tile(
                "Incidents",
                f"{totals.opened:,}",
                f"{totals.still_open:,} still open" + ("; not all was grouped" if totals.ungrouped else ""),
                Tone.BAD if totals.still_open else Tone.OPEN if totals.ungrouped else Tone.PLAIN,
            ),
            Tile(
                "Mean time to resolve",
                UNKNOWN if totals.mean_time_to_resolve is None else span(totals.mean_time_to_resolve),
                counted(totals.resolved, "incident") + " resolved",
            ),
        )
    )


def control_chart(content: ReportContent) -> Chart:
    """How many controls are in which state."""
    counts = {state: len(content.controls_in(state)) for state in EvidenceState}
    said = ", ".join(f"{count} {state.value}" for state, count in counts.items())
    return Chart(
        charts.control_states(counts),
        f"Controls of {content.framework_title}: {said}.",
        f"Controls of {content.framework_title} by what the evidence says of them",
    )


def risk_chart(content: ReportContent) -> Chart:
    """The risk over the period."""
    points = content.points
    known = [point for point in points if point.score is not None]
    if known:
        worst = max(known, key=lambda point: point.score or 0)
        said = (
            f"Risk score by {content.bucket}: highest {worst.score:.0f} from {moment(worst.start)};"
            f" {len(points) - len(known)} of {len(points)} without any analysis."
        )
    else:
        said = "Risk score over the period: nothing was analysed."
    return Chart(
        charts.risk_over_time(points, content.bucket),
        said,
        f"Risk score by {content.bucket}: the mean of the highest twentieth, with its interval",
    )


def level_chart(content: ReportContent) -> Chart:
    """Levels over the period."""
    said = ", ".join(f"{count:,} {level}" for level, count in content.whole.levels.items()) or "none"
    return Chart(
        charts.levels_over_time(content.points),
        f"Analyses by risk level: {said}.",
        f"Analyses by {content.bucket} and risk level; hatched is undetermined, which is not none",
    )


def controls_table(controls: Sequence[ControlFacts], caption: str, *, empty: str) -> Table:
    """Controls with their state and the figures behind it."""
    return Table(
        caption,
        (
            Column("Control", 3),
            Column("Title", 7),
            Column("Evidence", 3),
            Column("Looked at", 2, right=True),
            Column("Coverage", 2, right=True),
            Column("Violations", 2, right=True),
        ),
        tuple(
            (
                Cell(one.control),
                Cell(one.title),
                Cell(one.state.value, STATE_TONES[one.state]),
                Cell(f"{one.looked:,}" if one.rule else UNKNOWN),
                Cell(charts.percent(one.coverage) if one.coverage is not None else UNKNOWN),
                Cell(f"{one.violations:,}"),
            )
            for one in controls
        ),
        empty,
    )


def incidents_table(incidents: Sequence[IncidentFacts], caption: str, *, empty: str) -> Table:
    """Incidents with when they were opened, seen and resolved."""
    return Table(
        caption,
        (
            Column("Incident", 9),
            Column("Level", 3),
            Column("Opened", 4),
            Column("Acknowledged", 4),
            Column("Resolved", 4),
            Column("Texts", 2, right=True),
        ),
        tuple(
            (
                Cell(one.title),
                Cell(one.level),
                Cell(brief(one.opened_at, none="")),
                Cell(brief(one.acknowledged_at, none="not yet")),
                Cell("open", Tone.BAD) if one.resolved_at is None else Cell(brief(one.resolved_at, none="")),
                Cell(f"{one.analyses:,}"),
            )
            for one in incidents
        ),
        empty,
    )


def incidents(content: ReportContent, *, most: int) -> list[Block]:
    """Incidents and how fast they were dealt with."""
    totals = content.incident_totals
    said = (
        f"{counted(totals.opened, 'incident')} opened in the period, {totals.still_open:,} still open,"
        f" {totals.resolved:,} resolved. Mean time to acknowledge: {_mean(totals.mean_time_to_acknowledge)};"
        f" to resolve: {_mean(totals.mean_time_to_resolve)}."
    )
    shown = content.incidents[:most]
    left = len(content.incidents) - len(shown)
    caption = "Incidents, the newest first; times in UTC" + (
        f"; {left:,} more are not shown" if left > 0 else ""
    )
    empty, missing = "No incident was opened in this period.", list[Block]()
    if totals.ungrouped:
        empty = "No incident is known of this period, and not all of it was grouped."
        number = counted(totals.ungrouped, "analysis", "analyses")
        missing = [
            Paragraph(
                f"Not grouped into incidents: {number} of level high or critical, from"
                f" {moment(totals.ungrouped_from)} to {moment(totals.ungrouped_to)}."
                " The figures of incidents leave them out."
            )
        ]
    return [Heading("Incidents"), Paragraph(said), *missing, incidents_table(shown, caption, empty=empty)]


def detectors(content: ReportContent) -> list[Block]:
    """Who looked how often, and how it ended where nobody did."""
    found = content.stored.detectors
    if not found:
        return [
            Heading("Detectors"),
            Paragraph("No analysis of the period names a detector, so nobody can say who looked."),
        ]
    return [
        Heading("Detectors"),
        Chart(
            charts.detectors_looked(found[:_MOST_IN_CHART]),
            "Share of analyses in which each detector looked: "
            + "; ".join(f"{one.detector} {charts.percent(one.looked)}" for one in found[:_MOST_IN_CHART]),
            "Analyses in which a detector that had to look did; hatched is what it did not look at",
        ),
        Table(
            "Detectors of the period",
            (
                Column("Detector", 5),
                Column("Had to look", 2, right=True),
                Column("Looked", 2, right=True),
                Column("Did not, and how it ended", 6),
            ),
            tuple(
                (
                    Cell(one.detector),
                    Cell(f"{one.required:,}"),
                    Cell(f"{one.succeeded:,}"),
                    Cell(
                        ", ".join(f"{status} {count:,}" for status, count in one.failed.items()) or UNKNOWN,
                        Tone.PLAIN,
                    ),
                )
                for one in found
            ),
        ),
    ]


def labels(content: ReportContent, *, most: int) -> list[Block]:
    """What was found most."""
    found, in_all = content.stored.labels, content.stored.labels_in_all
    if not found:
        return [
            Heading("Findings"),
            Paragraph("Nothing was found. That is worth as much as the coverage above allows."),
        ]
    shown = found[:most]
    left = in_all - len(shown)
    return [
        Heading("Findings"),
        Chart(
            charts.labels_found(shown[:_MOST_IN_CHART]),
            "Findings by label: "
            + "; ".join(f"{one.label} {one.occurrences:,}" for one in shown[:_MOST_IN_CHART]),
            "Occurrences by label, the most frequent first",
        ),
        Table(
            "Labels found" + (f"; {left:,} rarer ones are not shown" if left > 0 else ""),
            (
                Column("Label", 6),
                Column("Meaning", 6),
                Column("Texts", 2, right=True),
                Column("Occurrences", 3, right=True),
                Column("Confidence", 3, right=True),
            ),
            tuple(
                (
                    Cell(one.label, code=True),
                    Cell(one.title),
                    Cell(f"{one.analyses:,}"),
                    Cell(f"{one.occurrences:,}"),
                    Cell(f"{one.confidence:.2f}"),
                )
                for one in shown
            ),
        ),
    ]


def patterns(content: ReportContent) -> list[Block]:
    """What the numbers show beyond each day, with its support."""
    rows = tuple((Cell(one.kind), Cell(one.statement), Cell(one.support)) for one in content.patterns)
    untested: list[Block] = [Paragraph("Not tested:"), Items(content.untested)]
    return [
        Heading("Trends and patterns"),
        Table(
            "What the numbers of the period show",
            (Column("Kind", 3), Column("What", 8), Column("Support", 6)),
            rows,
            "In what was tested, nothing that chance does not explain as well.",
        ),
        *(untested if content.untested else []),
    ]


def gaps(controls: Sequence[ControlFacts]) -> list[Block]:
    """What is missing, and of which controls; what few lack comes first, as it says most."""
    lacking: dict[tuple[str, ...], list[str]] = {}
    for one in controls:
        if one.gaps:
            lacking.setdefault(tuple(one.gaps), []).append(one.control)
    if not lacking:
        return [Heading("Gaps"), Paragraph("No gap in the evidence is known for this period.")]
    return [
        Heading("Gaps"),
        Table(
            "What the evidence lacks",
            (Column("Controls", 6), Column("What is missing", 9)),
            tuple(
                (Cell(", ".join(names)), Cell(" ".join(missing)))
                for missing, names in sorted(lacking.items(), key=lambda item: len(item[1]))
            ),
        ),
    ]


def versions(content: ReportContent) -> list[Block]:
    """Editions behind every statement."""
    known = content.versions
    rows = [
        ("Framework", f"{content.framework_title}, {content.edition}"),
        ("Taxonomy", ", ".join(known.taxonomies) or "no analysis names one"),
        ("Rules of evidence", content.evidence_rules),
        ("Models", ", ".join(known.models) or "none: rules alone, or no analysis names one"),
        ("Policies", ", ".join(known.policies) or "no analysis names one"),
        ("Detectors", ", ".join(known.detectors) or "no analysis names a version"),
    ]
    return [
        Heading("Versions"),
        Table(
            "What the statements rest on",
            (Column("What", 3), Column("Edition or version", 10)),
            tuple((Cell(name), Cell(value)) for name, value in rows),
        ),
    ]


def how_to_read(content: ReportContent) -> list[Block]:
    """What the words mean."""
    number = content.put_aside
    reviewed = (
        f"{counted(number, 'finding')} {'counts' if number == 1 else 'count'} not as kept: one key called it"
        " a false alarm or otherwise, and another accepted. An export of the evidence names each."
    )
    return [
        Heading("How to read this"),
        Items(
            (
                "Violated: at least one analysed text shows that the control's aim was not met.",
                "Satisfied: whoever had to look did, as often as the rule asks, and nothing violates it.",
                "Insufficient: the evidence allows no statement. It is not a milder word for satisfied.",
                "Absence of findings is not compliance, and a detector that failed found nothing clean.",
                "The risk score is 0 to 100; its interval says how bad it could be with what nobody saw.",
                *([reviewed] if number else ()),
            )
        ),
    ]


def _mean(length: timedelta | None) -> str:
    return "none was yet" if length is None else span(length)
