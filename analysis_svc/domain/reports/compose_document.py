"""Which sections a reader gets: few and decisive, all of the figures, or everything to check them by."""

from collections.abc import Callable

from analysis_svc.domain.exports.seal import Signature
from analysis_svc.domain.models import EvidenceState
from analysis_svc.domain.reports import sections
from analysis_svc.domain.reports.content import ControlFacts, ReportContent
from analysis_svc.domain.reports.document import (
    Block,
    Cell,
    Column,
    Document,
    Heading,
    Items,
    Paragraph,
    Table,
)
from analysis_svc.domain.reports.report import Audience
from analysis_svc.domain.reports.words import counted, moment, period

_TITLES = {
    Audience.EXECUTIVE: "Compliance and risk: summary",
    Audience.TECHNICAL: "Compliance and risk: technical report",
    Audience.AUDITOR: "Compliance and risk: evidence report",
}
_FEW = 5
_MOST_LISTED = 200


def compose_document(
    content: ReportContent, audience: Audience, *, digest: str, signature: Signature | None
) -> Document:
    """Write the report.

    Args:
        content: what is known.
        audience: for whom.
        digest: SHA-256 in hex of the content as canonical JSON.
        signature: of that JSON; None when the service has no signing key.
    """
    facts = [
        ("Framework", f"{content.framework_title} ({content.edition})"),
        ("Period", period(content.start, content.end)),
        ("Applications", content.application or "all"),
        ("Newest evidence", moment(content.stored.newest_at, none="none")),
    ]
    blocks = [*_COMPOSERS[audience](content), *_integrity(digest, signature)]
    return Document(
        title=_TITLES[audience],
        subtitle=f"{content.framework_title}, {period(content.start, content.end)}",
        facts=tuple(facts),
        blocks=tuple(blocks),
        digest=digest,
    )


def _executive(content: ReportContent) -> list[Block]:
    violated = content.controls_in(EvidenceState.VIOLATED)
    unknown = content.controls_in(EvidenceState.INSUFFICIENT)
    worst = sorted(violated, key=lambda one: -one.violations)[:_FEW]
    if not content.whole.analyses:
        # Every further section would say the same once more.
        return [sections.verdict(content), sections.numbers(content), *sections.how_to_read(content)]
    more = (
        f"; {len(violated) - len(worst)} more in the technical report" if len(violated) > len(worst) else ""
    )
    blocks: list[Block] = [
        sections.verdict(content),
        sections.numbers(content),
        Heading("Controls"),
        sections.control_chart(content),
        sections.controls_table(worst, f"Violated most often{more}", empty="No violation was seen."),
        Heading("Risk"),
        sections.risk_chart(content),
    ]
    if unknown:
        blocks += [Heading("What is not known"), *_unknown_in_short(unknown)]
    return [*blocks, *sections.incidents(content, most=_FEW), *sections.how_to_read(content)]


def _unknown_in_short(unknown: tuple[ControlFacts, ...]) -> list[Block]:
    """Name what more evidence would show; what texts never show is a number only."""
    open_ones = [one for one in unknown if one.rule]
    shown = open_ones[:_FEW]
    said = [f"{one.control}, {one.title}: {one.gaps[0] if one.gaps else 'no evidence.'}" for one in shown]
    if len(open_ones) > len(shown):
        said.append(
            f"And {counted(len(open_ones) - len(shown), 'more', 'more')}, named in the technical report."
        )
    if never := len(unknown) - len(open_ones):
        said.append(
            f"{counted(never, 'control')} that texts never show, such as a purpose or a legal basis:"
            " other evidence than this has to."
        )
    return [
        Paragraph("Of these controls nobody can say, from this evidence, whether they hold."),
        Items(tuple(said)),
    ]


def _technical(content: ReportContent) -> list[Block]:
    return [
        sections.verdict(content),
        sections.numbers(content),
        Heading("Risk"),
        sections.risk_chart(content),
        sections.level_chart(content),
        *_applications(content),
        *sections.detectors(content),
        *sections.labels(content, most=40),
        *sections.patterns(content),
        *sections.incidents(content, most=50),
        Heading("Controls"),
        sections.control_chart(content),
        sections.controls_table(
            content.controls, f"Controls of {content.framework_title}", empty="The framework has no controls."
        ),
        *sections.gaps(content.controls),
        *sections.versions(content),
        *sections.how_to_read(content),
    ]


def _auditor(content: ReportContent) -> list[Block]:
    return [
        Heading("Scope and method"),
        Paragraph(
            "This report states, for each control, what the stored evidence of the period shows. Evidence is"
            " canonical metadata of analysed texts: labels, scores, detectors and how they ended. No text is"
            " stored, and none was read for this report. A control is judged by its rule of evidence."
        ),
        sections.verdict(content),
        sections.numbers(content),
        *sections.versions(content),
        Heading("Controls"),
        sections.control_chart(content),
        sections.controls_table(
            content.controls, f"Controls of {content.framework_title}", empty="The framework has no controls."
        ),
        *sections.gaps(content.controls),
        Heading("Evidence behind each control"),
        *(block for one in content.controls for block in _evidence_of(one)),
        *sections.detectors(content),
        Heading("Risk"),
        sections.risk_chart(content),
        sections.level_chart(content),
        *sections.incidents(content, most=_MOST_LISTED),
        *sections.how_to_read(content),
    ]


def _evidence_of(one: ControlFacts) -> list[Block]:
    said = [
        (
            f"Evidence: {one.state.value}. {_looked(one)}; {one.violations:,} violate the control, the last"
            f" {moment(one.last_violation_at)}."
        ),
        *([f"Rule: {one.rule}"] if one.rule else []),
        *one.gaps,
        *([_newest(one)] if one.evidence else []),
    ]
    return [Heading(f"{one.control} {one.title}", level=2), Items(tuple(said))]


def _looked(one: ControlFacts) -> str:
    if one.rule is None:
        return f"{one.analyses:,} analyses in the period"
    return f"{one.looked:,} of {one.analyses:,} analyses were looked at as the rule asks"


def _newest(one: ControlFacts) -> str:
    shown = one.evidence[:_FEW]
    more = f" and {one.violations - len(shown):,} more" if one.violations > len(shown) else ""
    return f"Newest evidence ids: {', '.join(shown)}{more}."


def _applications(content: ReportContent) -> list[Block]:
    found = content.stored.applications
    if content.application is not None or not found:
        return []
    rows = sorted(found.items(), key=lambda one: (-one[1], one[0]))[:_MOST_LISTED]
    return [
        Table(
            "Analyses by application",
            (Column("Application", 10), Column("Analyses", 3, right=True)),
            tuple((Cell(name or "(not named)"), Cell(f"{count:,}")) for name, count in rows),
        )
    ]


def _integrity(digest: str, signature: Signature | None) -> list[Block]:
    rows = [("SHA-256 of the data", digest)]
    if signature is None:
        rows.append(("Signature", "none: this service has no signing key"))
    else:
        rows += [
            ("Key", signature.kid),
            ("Public key", signature.public_key),
            ("Ed25519 signature", signature.value),
        ]
    return [
        Heading("Integrity"),
        Paragraph(
            "The data of a report is the same in every format. The signature is over that data as the JSON"
            " report holds it; the file has a signature of its own, which the service hands out with it."
        ),
        Table(
            "What to check it by",
            (Column("What", 3), Column("Value", 11)),
            tuple((Cell(name), Cell(value, code=True)) for name, value in rows),
        ),
    ]


_COMPOSERS: dict[Audience, Callable[[ReportContent], list[Block]]] = {
    Audience.EXECUTIVE: _executive,
    Audience.TECHNICAL: _technical,
    Audience.AUDITOR: _auditor,
}
