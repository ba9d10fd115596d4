from enum import StrEnum

import msgspec


class CaseSet(StrEnum):
    """Where a case comes from, and so what a figure over it says.

    Members:
        HELDOUT: labels of the vendor families that nothing is trained or chosen on.
        FREE_FORM: in-house labels, written apart from every training phrasing.
        VALIDATION_VENDORS: labels of the validation families; calibration, threshold and best step saw them.
        VALIDATION_FREE_FORM: free-form labels for validation, seen in the same way.
        VALIDATION_PHRASINGS: phrasings of validation, seen by the choice of the best step alone.
    """

    HELDOUT = "held-out families"
    FREE_FORM = "free form"
    VALIDATION_VENDORS = "validation vendors"
    VALIDATION_FREE_FORM = "validation free form"
    VALIDATION_PHRASINGS = "validation phrasings"


UNSEEN = (CaseSet.HELDOUT, CaseSet.FREE_FORM)
"""The sets that nothing was chosen on."""


class Case(msgspec.Struct, frozen=True):
    """One raw label with what is right for it.

    Attributes:
        cases: the set that it belongs to.
        vendor: id of the vendor, or of the made-up company of a free-form label.
        family: family of vendors or of phrasings.
        raw: the label as the detector spells it.
        gold: its canonical label.
        also: other labels that are right as well.
        lang: ISO 639-1 code, or `zxx` for a code without words.
    """

    cases: CaseSet
    vendor: str
    family: str
    raw: str
    gold: str
    also: frozenset[str]
    lang: str

    @property
    def accepted(self) -> frozenset[str]:
        """Every label that is right."""
        return self.also | {self.gold}

    @property
    def pillar(self) -> str:
        """The first part of the gold label."""
        return self.gold.partition(".")[0]
