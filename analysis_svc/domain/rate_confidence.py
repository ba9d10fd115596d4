"""How far an answer can be relied on.

``confidence = looked * (R * found + (1 - R) * silence)``, with

- ``looked``: the share of detectors that did look. Findings sent without a word on which detectors ran leave
  it open, and half is taken for it;
- ``found``: the mean confidence of the findings, each weighted by the most that it could be worth;
- ``silence``: the least confidence of an OTHER.Safe finding. A text is clean only when no detector overlooked
  anything, so a clean answer is as reliable as its weakest detector;
- ``R``: the score over 100. The higher it is, the less can be added by what was overlooked.

Where nothing was found, or nobody reported nothing, the other part stands alone.
"""

from collections.abc import Sequence

from analysis_svc.domain.catalogue import SAFE, Taxonomy
from analysis_svc.domain.detector_coverage import DetectorCoverage
from analysis_svc.domain.models import Finding, Risk
from analysis_svc.domain.score_risk import greatest_strength

_COVERAGE_NOT_STATED = 0.5


def rate_confidence(
    findings: Sequence[Finding], risk: Risk, coverage: DetectorCoverage, taxonomy: Taxonomy
) -> float:
    """Rate the answer that gives these findings this risk, in [0, 1] (see the module's text)."""
    looked = 1.0 - coverage.missing_share
    if findings and not coverage.stated:
        looked = _COVERAGE_NOT_STATED
    weighed = [(greatest_strength(finding, taxonomy), finding.confidence) for finding in findings]
    total = sum(sorted(weight for weight, _ in weighed))
    silence = min((finding.confidence for finding in findings if finding.label == SAFE), default=None)
    if total <= 0.0:
        return round(looked * (1.0 if silence is None else silence), 4)
    found = min(sum(sorted(weight * confidence for weight, confidence in weighed)) / total, 1.0)
    if silence is None:
        return round(looked * found, 4)
    share = risk.score / 100.0
    return round(looked * (share * found + (1.0 - share) * silence), 4)
