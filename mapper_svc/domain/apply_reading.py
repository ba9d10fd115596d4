"""Turns what a mapper plugin read into findings."""

from mapper_svc.domain.catalogue import Catalogue
from mapper_svc.domain.entry_findings import EntryFindings
from mapper_svc.domain.plugins import MappedLabel, PluginReading
from mapper_svc.domain.rule_tier import RuleMatch
from mapper_svc.domain.scrub_label import scrub_label
from mapper_svc.domain.signals import Reading, Signal
from mapper_svc.domain.vendor import LabelRule, Vendor
from mapper_svc.domain.weigh_signals import weigh_signals


def apply_reading(
    reading: PluginReading,
    vendor: Vendor | None,
    catalogue: Catalogue,
    out: EntryFindings,
    *,
    versioned: bool,
    rules: bool,
) -> None:
    """Hands what a plugin read to `out`: its own labels as findings, raw ones through rules and tiers.

    A plugin that failed leaves the output unread in part, as nobody knows what it would have found; the rest
    of the mapping is then up to the caller.
    """
    if reading.output is None:
        out.failed(reason=f"the mapper plugin {reading.plugin} failed")
        return
    raw: list[Signal] = []
    for found in reading.output.labels:
        if found.label is None:
            raw.append(_signal(found, flagged=True))
        else:
            rule = LabelRule(raw=scrub_label(found.raw), to=found.label)
            out.hit(_signal(found, flagged=True), RuleMatch(rule, found.confidence), found.score)
    broken = (reading.output.unread,) if reading.output.unread else ()
    if not reading.output.labels and not reading.output.nothing_found and not broken:
        broken = (
            f"the mapper plugin {reading.plugin} neither found something nor said that there is nothing",
        )
    weigh_signals(
        Reading(tuple(raw), broken=broken), vendor, catalogue, out, versioned=versioned, rules=rules
    )


def _signal(found: MappedLabel, *, flagged: bool) -> Signal:
    return Signal(
        raw=found.raw, score=found.score, start=found.start, end=found.end, flagged=flagged, note=found.note
    )
