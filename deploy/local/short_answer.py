"""The answer of the orchestrator, as far as a person reads it at a glance."""

from collections import defaultdict

import msgspec

from deploy.local.failure import SetupError
from deploy.local.progress import Progress

CONTROLS_SHOWN = 6
LEVEL_COLOURS = {"critical": "red", "high": "red", "medium": "yellow", "low": "green", "none": "green"}


class Detector(msgspec.Struct, frozen=True):
    """One detector's part."""

    detector: str
    status: str
    processing_time_ms: float


class Raw(msgspec.Struct, frozen=True):
    """What the detector itself had said."""

    detector: str
    label: str


class Finding(msgspec.Struct, frozen=True):
    """What it means in the taxonomy."""

    taxonomy: list[str]
    confidence: float
    tier: str
    raw: Raw


class Mapping(msgspec.Struct, frozen=True):
    """The mapper's part."""

    findings: list[Finding]


class Interval(msgspec.Struct, frozen=True):
    """Bounds of the score."""

    low: float
    high: float


class Risk(msgspec.Struct, frozen=True):
    """How bad it is."""

    score: float
    level: str
    interval: Interval


class Compliance(msgspec.Struct, frozen=True):
    """One control that is touched."""

    framework: str
    edition: str
    control: str
    relation: str
    evidence_state: str


class Analysis(msgspec.Struct, frozen=True):
    """The analyst's part."""

    risk: Risk
    compliance: list[Compliance]


class Missing(msgspec.Struct, frozen=True):
    """A part that was asked for and is not there."""

    part: str
    reason: str


class Answer(msgspec.Struct, frozen=True):
    """The parts of the answer that are shown; the rest is left in the body."""

    detector_results: list[Detector]
    mapping_result: Mapping | None
    analysis_result: Analysis | None
    missing: list[Missing]


def read_answer(body: bytes) -> Answer:
    """Read the body of an answer.

    Raises:
        SetupError: it is not what the contract says.
    """
    try:
        return msgspec.json.decode(body, type=Answer)
    except msgspec.MsgspecError as error:
        raise SetupError(f"the answer is not as agreed: {error}", hint="see docs/openapi.yaml") from error


def show_answer(answer: Answer, progress: Progress) -> None:
    """Print detectors, findings, risk and controls, a line each."""

    def row(title: str, text: str) -> None:
        progress.line(f"  {progress.paint(f'{title:<10}', 'bold')} {text}")

    for place, one in enumerate(answer.detector_results):
        state = progress.paint(one.status, "green" if one.status == "success" else "yellow")
        row("" if place else "detectors", f"{one.detector:<20} {state} in {one.processing_time_ms:.0f} ms")
    findings = answer.mapping_result.findings if answer.mapping_result else []
    for place, finding in enumerate(findings):
        label = f"{', '.join(finding.taxonomy):<36}"
        said = progress.paint(f"{finding.raw.detector}: {finding.raw.label}", "dim")
        row("" if place else "findings", f"{label} {finding.confidence:.2f}  {said}")
    if answer.analysis_result:
        risk = answer.analysis_result.risk
        level = progress.paint(risk.level, LEVEL_COLOURS.get(risk.level.lower(), "yellow"))
        bounds = f"between {risk.interval.low:.0f} and {risk.interval.high:.0f}"
        row("risk", f"{level}, {risk.score:.0f} of 100 ({bounds})")
        for place, (framework, controls) in enumerate(_violated(answer.analysis_result).items()):
            more = f" and {len(controls) - CONTROLS_SHOWN} more" if len(controls) > CONTROLS_SHOWN else ""
            row("" if place else "violated", f"{framework:<36} {', '.join(controls[:CONTROLS_SHOWN])}{more}")
    for place, lost in enumerate(answer.missing):
        row("" if place else "missing", progress.paint(f"{lost.part}: {lost.reason}", "yellow"))


def _violated(analysis: Analysis) -> dict[str, list[str]]:
    controls: dict[str, list[str]] = defaultdict(list)
    for one in analysis.compliance:
        if one.evidence_state == "violated":
            controls[f"{one.framework} {one.edition}"].append(one.control)
    return controls
