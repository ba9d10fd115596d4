"""Three weeks of evidence, the same every time: one bad day, a detector that gives up, a silent day."""

import random
from datetime import datetime, timedelta

from analysis_svc.adapters.catalogue_files import load_catalogue
from analysis_svc.domain.analyze import analyze
from analysis_svc.domain.models import Analysis, AnalysisRequest, Context, DetectorFailure, Direction, Finding

DETECTORS = ("alt_profanity_check", "detect_secrets", "presidio_analyzer", "prompt_guardrail")
APPLICATIONS = ("billing-assistant", "support-chat", None)
HARMLESS = ("PII.Person.Name", "PII.Contact.Email", "PII.DateTime", "PII.Organization", "SECURITY.Code")
GRAVE = ("SECRET.CloudCredential", "PROMPT_INJECTION.Direct", "PII.GovernmentId.SSN", "JAILBREAK.Attempt")


def sample_analyses(end: datetime, count: int = 240) -> list[tuple[AnalysisRequest, Analysis]]:
    """Make analyses of the three weeks before `end`, as the service would have answered them."""
    drawn = random.Random(7)
    catalogue = load_catalogue("2026.11")
    kept = []
    for number in range(count):
        age = timedelta(hours=21 * 24 * number / count)
        if 70 < age.total_seconds() / 3600 < 94:
            continue  # nobody called
        bad_day = 30 < age.total_seconds() / 3600 < 54
        request = _request(number, drawn, bad_day=bad_day)
        kept.append((request, analyze(request, catalogue=catalogue, now=end - age)))
    return kept


def _request(number: int, drawn: random.Random, *, bad_day: bool) -> AnalysisRequest:
    labels = drawn.sample(HARMLESS, drawn.choice((0, 0, 1, 2)))
    if drawn.random() < (0.6 if bad_day else 0.08):
        labels.append(drawn.choice(GRAVE))
    findings = tuple(
        Finding(
            id=f"f{index}",
            label=label,
            score=round(drawn.uniform(0.55, 1.0), 2),
            confidence=round(drawn.uniform(0.7, 1.0), 2),
            detector=DETECTORS[1] if label.startswith("SECRET") else DETECTORS[2],
            tier="rule",
            occurrences=drawn.randint(1, 4),
        )
        for index, label in enumerate(labels)
    )
    gave_up = drawn.random() < 0.12
    return AnalysisRequest(
        findings,
        Context(
            request_id=f"req-{number:04}",
            application=APPLICATIONS[number % len(APPLICATIONS)],
            direction=Direction.INPUT,
            detectors_required=DETECTORS,
            detectors_succeeded=DETECTORS[:3] if gave_up else DETECTORS,
            detectors_failed=(DetectorFailure(DETECTORS[3], "timeout"),) if gave_up else (),
            coverage=0.75 if gave_up else 1.0,
        ),
    )
