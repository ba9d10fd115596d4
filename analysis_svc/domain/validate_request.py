"""Rules a request must meet before it is analysed."""

import math
import re
from collections.abc import Sequence

from analysis_svc.domain.catalogue import Catalogue
from analysis_svc.domain.errors import ErrorCode, ServiceError
from analysis_svc.domain.models import AnalysisRequest, Context, Finding, StatedVersions

MAX_FINDINGS = 1000
MAX_DETECTORS = 256
MAX_NAME = 128
MAX_OCCURRENCES = 1_000_000

# Ids stand in the explanation as they are, so they may hold nothing that could read as prose or markup.
_FINDING_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/-]{0,63}", re.ASCII)
# Names are what detectors and callers chose; the explanation quotes them where that is needed.
_CONTROL_CHARACTER = re.compile(r"[\x00-\x1f\x7f]")


def validate_request(request: AnalysisRequest, catalogue: Catalogue) -> None:
    """Refuse a request that cannot be analysed as it stands.

    Raises:
        ServiceError: INVALID_REQUEST, naming the first wrong field, for instance `findings[3].label`.
    """
    if len(request.findings) > MAX_FINDINGS:
        raise _invalid(
            "findings", f"at most {MAX_FINDINGS} findings are accepted, got {len(request.findings)}"
        )
    seen: set[str] = set()
    for index, finding in enumerate(request.findings):
        _validate_finding(finding, f"findings[{index}]", catalogue)
        if finding.id in seen:
            raise _invalid(f"findings[{index}].id", "finding ids must be unique")
        seen.add(finding.id)
    _validate_context(request.context)
    _validate_frameworks(request.frameworks, catalogue)


def _validate_finding(finding: Finding, where: str, catalogue: Catalogue) -> None:
    if not _FINDING_ID.fullmatch(finding.id):
        raise _invalid(
            f"{where}.id", "an id is 1 to 64 letters, digits or ._:/- and starts with a letter or digit"
        )
    if finding.label not in catalogue.taxonomy.labels:
        raise _invalid(f"{where}.label", f"not a label of taxonomy edition {catalogue.taxonomy.edition}")
    _unit_interval(finding.score, f"{where}.score")
    _unit_interval(finding.confidence, f"{where}.confidence")
    if not 1 <= finding.occurrences <= MAX_OCCURRENCES:
        raise _invalid(f"{where}.occurrences", f"must be between 1 and {MAX_OCCURRENCES}")
    if finding.detector is not None:
        _name(finding.detector, f"{where}.detector")


def _validate_context(context: Context) -> None:
    for name in ("request_id", "application", "subject"):
        value: str | None = getattr(context, name)
        if value is not None:
            _name(value, f"context.{name}")
    _names(context.detectors_required, "context.detectors_required")
    _names(context.detectors_succeeded, "context.detectors_succeeded")
    failed = "context.detectors_failed"
    if len(context.detectors_failed) > MAX_DETECTORS:
        raise _invalid(failed, f"at most {MAX_DETECTORS} detectors are accepted")
    for index, failure in enumerate(context.detectors_failed):
        _name(failure.detector, f"{failed}[{index}].detector")
        _name(failure.status, f"{failed}[{index}].status")
    if context.coverage is not None:
        _unit_interval(context.coverage, "context.coverage")
    _validate_versions(context.versions)


def _validate_versions(versions: StatedVersions) -> None:
    where = "context.versions"
    for name in ("policy", "policy_version", "mapper_taxonomy", "model"):
        value: str | None = getattr(versions, name)
        if value is not None:
            _name(value, f"{where}.{name}")
    if len(versions.detectors) > MAX_DETECTORS:
        raise _invalid(f"{where}.detectors", f"at most {MAX_DETECTORS} detectors are accepted")
    for detector, version in versions.detectors.items():
        # A name that is wrong is not repeated.
        _name(detector, f"{where}.detectors")
        _name(version, f"{where}.detectors")


def _validate_frameworks(frameworks: Sequence[str] | None, catalogue: Catalogue) -> None:
    if frameworks is None:
        return
    if not frameworks:
        raise _invalid("frameworks", "name at least one framework, or leave the field out")
    for index, name in enumerate(frameworks):
        if name not in catalogue.frameworks:
            known = ", ".join(sorted(catalogue.frameworks))
            raise _invalid(f"frameworks[{index}]", f"unknown framework; known are {known}")


def _names(values: Sequence[str], where: str) -> None:
    if len(values) > MAX_DETECTORS:
        raise _invalid(where, f"at most {MAX_DETECTORS} detectors are accepted")
    for index, value in enumerate(values):
        _name(value, f"{where}[{index}]")


def _name(value: str, where: str) -> None:
    if not 1 <= len(value) <= MAX_NAME or _CONTROL_CHARACTER.search(value):
        raise _invalid(where, f"must be 1 to {MAX_NAME} characters, none of them a control character")


def _unit_interval(value: float, where: str) -> None:
    if not math.isfinite(value) or not 0.0 <= value <= 1.0:
        raise _invalid(where, "must be a finite number between 0 and 1")


def _invalid(where: str, detail: str) -> ServiceError:
    return ServiceError(ErrorCode.INVALID_REQUEST, detail, field=where)
