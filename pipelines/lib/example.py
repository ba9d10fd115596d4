import hashlib
from dataclasses import dataclass, fields
from enum import StrEnum

from pipelines.lib.normalise import normalise


class Split(StrEnum):
    """What a row may be used for.

    Members:
        TRAIN: a model learns from it.
        VALIDATION: temperature, threshold and recipe are chosen on it.
        HELDOUT: nothing is chosen on it; it only measures.
    """

    TRAIN = "train"
    VALIDATION = "validation"
    HELDOUT = "heldout"


class Source(StrEnum):
    """Where a row comes from, the most trusted first.

    A vendor's table comes last: it is right for that vendor, and says little of another who uses the word.
    Free-form rows are phrasings of somebody who had not read the others; they stand for validation alone.
    """

    TAXONOMY = "taxonomy"
    FEEDBACK = "feedback"
    FREE_FORM = "free_form"
    PHRASING = "phrasing"
    VENDOR = "vendor"


@dataclass(frozen=True, slots=True)
class Candidate:
    """A row as its source gives it, before it is compared with the others.

    Attributes:
        vendor: id of the vendor file, or `in_house` for a phrasing of nobody's detector.
        raw: the label, as the detector would spell it.
        label: canonical label.
        family: family of vendors or of phrasings; the unit that the split keeps whole.
        source: kind of source.
        licence: id in the manifest's table of licences.
        origin: where the text stands: a publication or a file of ours.
        lang: ISO 639-1 code, or `zxx` for a code without words.
        split: the side on which its family stands.
        opaque: only the vendor's own table can tell what it means.
    """

    vendor: str
    raw: str
    label: str
    family: str
    source: Source
    licence: str
    origin: str
    lang: str
    split: Split
    opaque: bool = False


@dataclass(frozen=True, slots=True)
class Example:
    """One row of the data set. The order of the fields is the order of the columns.

    Attributes:
        id: first 16 hex digits of SHA-256 over source, vendor, raw and label.
        vendor: as in Candidate.
        raw: as in Candidate.
        normalised: what `normalise` makes of raw.
        label: canonical label.
        family: as in Candidate.
        source: as in Candidate.
        licence: as in Candidate.
        origin: as in Candidate.
        lang: as in Candidate.
        split: as in Candidate.
        opaque: as in Candidate.
        ambiguous: the same text stands on this side with another label too, and no rule could decide.
    """

    id: str
    vendor: str
    raw: str
    normalised: str
    label: str
    family: str
    source: Source
    licence: str
    origin: str
    lang: str
    split: Split
    opaque: bool
    ambiguous: bool

    @classmethod
    def of(cls, candidate: Candidate, *, ambiguous: bool) -> "Example":
        """Returns the row of a candidate."""
        identity = f"{candidate.source}\x1f{candidate.vendor}\x1f{candidate.raw}\x1f{candidate.label}"
        return cls(
            id=hashlib.sha256(identity.encode()).hexdigest()[:16],
            normalised=normalise(candidate.raw),
            ambiguous=ambiguous,
            **{field.name: getattr(candidate, field.name) for field in fields(Candidate)},
        )


COLUMNS = tuple(field.name for field in fields(Example))
"""Names of the columns in their order."""
