from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import msgspec

from mapper_svc.adapters.marked_yaml import DataFaultError
from pipelines.lib.example import Candidate, Source, Split
from pipelines.lib.families import VendorFamilies
from pipelines.lib.licences import OPTED_IN
from pipelines.lib.strict_jsonl import read_jsonl


class Feedback(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One line of a file of reviewed feedback.

    Attributes:
        vendor: detector that gave the label.
        raw: the label; never the text that was examined.
        label: the canonical label that the reviewer decided on.
        reviewer: who decided; kept out of the data set.
        opted_in: whether the tenant agreed that its feedback be used for training.
        lang: ISO 639-1 code of the label.
        origin: where it was said.
        licence: under which it may be used; there is one.
    """

    vendor: str
    raw: str
    label: str
    reviewer: str
    opted_in: bool
    lang: str = "en"
    origin: Annotated[str, msgspec.Meta(min_length=1, max_length=200)] = "reviewed feedback"
    licence: Literal["LicenseRef-tenant-opt-in"] = OPTED_IN


@dataclass(frozen=True, slots=True)
class FeedbackRead:
    """What a folder of feedback holds.

    Attributes:
        candidates: rows that may be used.
        not_opted_in: rows left out because their tenant has not agreed.
        held_out: rows left out because their detector is held out.
    """

    candidates: tuple[Candidate, ...]
    not_opted_in: int
    held_out: int


def read_feedback(folder: Path, families: VendorFamilies) -> FeedbackRead:
    """Reads every file of reviewed feedback; a folder that is not there holds none.

    A row stands on the side of its detector's family, so that feedback cannot show training what is held out.

    Raises:
        DataFaultError: a line is no feedback, or names no reviewer; names file and line.
    """
    candidates: list[Candidate] = []
    not_opted_in = held_out = 0
    for path in sorted(folder.glob("*.jsonl")):
        for line, feedback in read_jsonl(path, Feedback):
            if not feedback.reviewer.strip():
                raise DataFaultError(path, line, "reviewer", "a row of feedback names who reviewed it")
            family = families.family_of(feedback.vendor)
            split = Split.TRAIN if family is None else families.split_of(family)
            if not feedback.opted_in:
                not_opted_in += 1
            elif split is Split.HELDOUT:
                held_out += 1
            else:
                candidates.append(_candidate(feedback, family or "feedback", split, families))
    return FeedbackRead(tuple(candidates), not_opted_in, held_out)


def _candidate(feedback: Feedback, family: str, split: Split, families: VendorFamilies) -> Candidate:
    return Candidate(
        vendor=feedback.vendor,
        raw=feedback.raw,
        label=feedback.label,
        family=family,
        source=Source.FEEDBACK,
        licence=feedback.licence,
        origin=feedback.origin,
        lang=feedback.lang,
        split=split,
        opaque=families.is_opaque(feedback.vendor, feedback.raw),
    )
