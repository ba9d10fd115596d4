"""Doubts labels that are far from everything the vendor's own rules speak of."""

from collections.abc import Sequence

from mapper_svc.domain.findings import Tier
from mapper_svc.domain.plugins import Action, Remark, SeenFinding

_NAMED_BY_MODEL = frozenset({Tier.MODEL, Tier.SEMANTIC})
_PILLARS_MAX = 2
"""A vendor whose rules lie in more pillars than these detects all sorts of things."""
_SURE = 0.95
"""From this confidence on the label stands, and a person has a look."""


class VendorPillarsValidator:
    """A validator plugin: a detector of personal data hardly found a weapon.

    A label that a model named, and no rule, in a pillar that none of the vendor's rules lie in, is taken
    back, or put up for review when the model was very sure. Needs no content.
    """

    name = "vendor_pillars"
    notes = {  # noqa: RUF012 - read only
        "far": "The label is in a pillar that the detector's own rules never speak of.",
    }

    def check(self, findings: Sequence[SeenFinding]) -> Sequence[Remark]:
        """Return a remark on each finding that is to be doubted."""
        return [
            Remark(index, Action.REVIEW if finding.confidence >= _SURE else Action.VETO, "far")
            for index, finding in enumerate(findings)
            if finding.tier in _NAMED_BY_MODEL
            and 0 < len(finding.vendor_pillars) <= _PILLARS_MAX
            and finding.label.partition(".")[0] not in finding.vendor_pillars | {"OTHER", "POLICY"}
        ]
