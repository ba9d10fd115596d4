"""Content of reports, made up: with much in it, and with nothing."""

from datetime import UTC, datetime, timedelta

from analysis_svc.domain.models import EvidenceState
from analysis_svc.domain.reports.content import (
    ControlFacts,
    DetectorFacts,
    IncidentFacts,
    IncidentTotals,
    LabelFacts,
    PatternFacts,
    ReportContent,
    RiskPoint,
    Share,
    StoredFacts,
    Versions,
)

START = datetime(2026, 10, 1, tzinfo=UTC)
END = datetime(2026, 11, 1, tzinfo=UTC)


def control(state: EvidenceState, name: str = "CC6.1", *gaps: str) -> ControlFacts:
    return ControlFacts(
        control=name,
        title="Logical access",
        state=state,
        rule="Secrets looked for at least every 24 hours.",
        gaps=gaps,
        analyses=40,
        looked=38,
        coverage=0.95,
        violations=3 if state is EvidenceState.VIOLATED else 0,
        last_violation_at=END - timedelta(hours=3) if state is EvidenceState.VIOLATED else None,
        evidence=("0b1c",) if state is EvidenceState.VIOLATED else (),
    )


def content(
    *controls: ControlFacts, application: str | None = "<i>billing</i>", label: str = "SECRET.ApiKey"
) -> ReportContent:
    points = tuple(
        RiskPoint(START + timedelta(days=day), 0, None, None, None, {})
        if day in (3, 4)
        else RiskPoint(START + timedelta(days=day), 10, 40.0 + day, 30.0, 80.0, {"none": 6, "critical": 4})
        for day in range(31)
    )
    return ReportContent(
        framework="soc2",
        framework_title="SOC 2",
        edition="2017",
        start=START,
        end=END,
        application=application,
        evidence_rules="shipped",
        versions=Versions(("2026.11",), (), ("default 3",), ("detect_secrets 1.5.0",)),
        stored=StoredFacts(
            findings=70,
            applications={"<i>billing</i>": 290},
            detectors=(
                DetectorFacts("detect_secrets", 290, 290, {}),
                DetectorFacts("=cmd|' /C calc'!A0", 290, 200, {"timeout": 90}),
            ),
            labels=(LabelFacts(label, "API key", 40, 70, 0.91),),
            labels_in_all=1,
            newest_at=END - timedelta(minutes=5),
            complete=Share(200, 290),
        ),
        bucket="day",
        points=points,
        whole=RiskPoint(START, 290, 66.5, 40.0, 90.0, {"none": 174, "critical": 116}),
        controls=controls or (control(EvidenceState.VIOLATED),),
        incidents=(
            IncidentFacts("5f0c", "SECRET in <i>billing</i>", "critical", START, None, None, None, 12),
        ),
        incident_totals=IncidentTotals(1, 1, 0, None, None),
        patterns=(PatternFacts("trend", label, "It rises.", "Mann-Kendall, q = 0.01"),),
        untested=("Seasonality: needs 28 days; there is 27.",),
    )


def nothing() -> ReportContent:
    days = tuple(RiskPoint(START + timedelta(days=day), 0, None, None, None, {}) for day in range(31))
    return ReportContent(
        framework="soc2",
        framework_title="SOC 2",
        edition="2017",
        start=START,
        end=END,
        application=None,
        evidence_rules="shipped",
        versions=Versions((), (), (), ()),
        stored=StoredFacts(0, {}, (), (), 0, None, Share(0, 0)),
        bucket="day",
        points=days,
        whole=RiskPoint(START, 0, None, None, None, {}),
        controls=(control(EvidenceState.INSUFFICIENT, "CC6.1", "Nothing was analysed in this period."),),
        incidents=(),
        incident_totals=IncidentTotals(0, 0, 0, None, None),
        patterns=(),
        untested=(),
    )
