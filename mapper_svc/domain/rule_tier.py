from dataclasses import dataclass

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.taxonomy import SAFE, UNKNOWN
from mapper_svc.domain.vendor import LabelRule, Vendor

_OTHER_SPELLING = 0.98
_WIDER_LABEL = 0.9
_NEVER_AT_ITS_WORD = frozenset({SAFE, UNKNOWN})


@dataclass(frozen=True, slots=True)
class RuleMatch:
    """What the rules say of one raw label.

    Attributes:
        rule: the rule that holds; its `raw` is the vendor's own spelling.
        confidence: how sure it is, in [0, 1]: the rule's own, a little less when the spelling differs, less
            again when only the wider label is known.
    """

    rule: LabelRule
    confidence: float


def match_label(
    raw: str, vendor: Vendor | None, catalogue: Catalogue, parent: str | None = None
) -> RuleMatch | None:
    """Finds the rule of a raw label: exact, then in another spelling, then the label it falls back on.

    Across vendors a raw label means nothing, unless it is the dotted name or alias of a canonical label. Two
    of those are taken from nobody: that a text is safe is said by a vendor's own words alone.
    Returns None when no rule holds.
    """
    if vendor is not None:
        exact = vendor.labels.get(raw)
        if exact is not None:
            return RuleMatch(exact, exact.confidence)
        spelled = vendor.rule_by_key(raw)
        if spelled is not None:
            return RuleMatch(spelled, spelled.confidence * _OTHER_SPELLING)
    canonical = _canonical(raw, catalogue)
    if canonical is not None:
        return RuleMatch(LabelRule(raw=canonical, to=canonical), 1.0)
    if vendor is not None and parent is not None and parent in vendor.labels:
        wider = vendor.labels[parent]
        return RuleMatch(wider, wider.confidence * _WIDER_LABEL)
    return None


def _canonical(raw: str, catalogue: Catalogue) -> str | None:
    if "." not in raw:
        return None
    name = catalogue.taxonomy.aliases.get(raw, raw)
    return name if name in catalogue.taxonomy.labels and name not in _NEVER_AT_ITS_WORD else None
