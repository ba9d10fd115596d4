"""Where in a text a mapped finding is, as far as its detector said so."""

from orchestration_svc.domain.detection import DetectorResult, JsonValue
from orchestration_svc.domain.downstream import MappedFinding
from orchestration_svc.domain.redact import Span, UnplacedFindingError, label_of, spans_in

SAFE = "OTHER.Safe"
NOT_UNDERSTOOD = frozenset({"OTHER.Unknown", "OTHER.ModelError", "OTHER.NeedsReview"})
"""Labels of what was said and nobody knows the meaning of: neither a finding nor nothing."""


def places_of(finding: MappedFinding, said: DetectorResult | None, length: int) -> tuple[Span, ...]:
    """Return where a detector saw what it called so; nothing unless it said so of every such entry.

    Args:
        finding: gives the detector's own label.
        said: what that detector gave; None when it gave nothing.
        length: of the text, in code points.
    """
    output = said.output if said else None
    entries = output if isinstance(output, list) else [output]
    mine = [one for one in entries if isinstance(one, dict) and _is_called(one, finding.raw_label)]
    try:
        spans = spans_in(mine)
    except UnplacedFindingError:
        return ()
    inside = all(0 <= span.start < span.end <= length for span in spans)
    return spans if inside and len(spans) == len(mine) else ()


def _is_called(entry: dict[str, JsonValue], label: str) -> bool:
    wanted = label.casefold()
    called = (label_of(entry), entry.get("detection_type"))
    return any(isinstance(one, str) and one.casefold() == wanted for one in called)
