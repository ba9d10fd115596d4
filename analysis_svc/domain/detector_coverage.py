"""Which detectors that should have looked did not, and how large a share that is."""

from dataclasses import dataclass

from analysis_svc.domain.catalogue import MODEL_ERROR
from analysis_svc.domain.models import AnalysisRequest


@dataclass(frozen=True, slots=True)
class DetectorCoverage:
    """What is missing from a run.

    `missing_share` in [0, 1] is 1 when nothing is known to have run.
    """

    missing: tuple[str, ...]
    """Detectors that were required or started and gave no result, by name."""
    unreadable: tuple[str, ...]
    """Ids of findings that say a detector's output could not be read."""
    missing_share: float
    expected: tuple[str, ...]
    """Detectors that were required or started, by name; those that are missing among them."""
    stated: bool
    """Whether the context said anything about which detectors ran."""


def measure_coverage(request: AnalysisRequest) -> DetectorCoverage:
    """Measure what is missing, always to the side of caution.

    A detector is missing when it failed, when it was required and did not succeed, or when its output
    was unreadable (an OTHER.ModelError finding); a detector listed as both succeeded and failed is
    missing. The share is the largest of: missing among all expected, missing among the required, and
    1 - the coverage the caller reports. It is 1 when no detector is said to have succeeded.

    Only the context and OTHER.ModelError findings enter, and each of these adds to the missing, so
    that neither another finding nor another failure can make the share smaller.
    """
    context = request.context
    required = set(context.detectors_required)
    succeeded = set(context.detectors_succeeded)
    failed = {failure.detector for failure in context.detectors_failed}
    unreadable = [finding for finding in request.findings if finding.label == MODEL_ERROR]
    garbled = {finding.detector for finding in unreadable if finding.detector is not None}
    nameless = sum(1 for finding in unreadable if finding.detector is None)

    missing = (required - succeeded) | failed | garbled
    expected = required | succeeded | failed | garbled
    shares = [1.0 - context.coverage if context.coverage is not None else 0.0]
    if expected or nameless:
        shares.append((len(missing) + nameless) / (len(expected) + nameless))
    if required:
        shares.append(len(required & missing) / len(required))
    if not succeeded:
        shares.append(1.0)
    return DetectorCoverage(
        missing=tuple(sorted(missing - garbled)),
        unreadable=tuple(sorted(finding.id for finding in unreadable)),
        missing_share=max(shares),
        expected=tuple(sorted(expected)),
        stated=bool(required or succeeded or failed or context.coverage is not None),
    )
