"""The use case: analyse the findings of one request."""

from datetime import datetime

from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.cite import cite
from analysis_svc.domain.detector_coverage import measure_coverage
from analysis_svc.domain.explain import explain
from analysis_svc.domain.map_controls import map_controls
from analysis_svc.domain.models import Analysis, AnalysisRequest, VersionInfo
from analysis_svc.domain.patterns import find_patterns
from analysis_svc.domain.rate_confidence import rate_confidence
from analysis_svc.domain.remediation import advise
from analysis_svc.domain.score_risk import score_risk
from analysis_svc.domain.validate_request import validate_request


def analyze(request: AnalysisRequest, *, catalogue: Catalogue, now: datetime) -> Analysis:
    """Score the risk, tie it to controls, and say what to do and why.

    Pure: the same request, catalogue and time give the same answer, in whatever order the findings come.

    Raises:
        ServiceError: INVALID_REQUEST, naming the field, when the request breaks a rule.
    """
    validate_request(request, catalogue)
    frameworks = sorted(set(request.frameworks or catalogue.default_frameworks))
    coverage = measure_coverage(request)
    risk = score_risk(request.findings, coverage, catalogue.taxonomy, catalogue.figures)
    compliance = map_controls(request.findings, catalogue, frameworks)
    patterns = find_patterns(request.findings, catalogue)
    return Analysis(
        risk=risk,
        compliance=compliance,
        patterns=patterns,
        remediation=advise(request.findings, catalogue, frameworks),
        explanation=explain(request, risk, coverage, patterns, catalogue.taxonomy),
        citations=cite(compliance, catalogue),
        confidence=rate_confidence(request.findings, risk, coverage, catalogue.taxonomy),
        version_info=VersionInfo(
            taxonomy=catalogue.taxonomy.edition,
            frameworks={name: catalogue.frameworks[name].edition for name in frameworks},
            model=None,
        ),
        analysed_at=now,
    )
