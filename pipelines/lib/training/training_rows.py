from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from pipelines.lib.example import Example, Source
from pipelines.lib.scoring.label_tokens import Tokenizer
from pipelines.lib.scoring.raw_label import encode_prompt


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One raw label with what is right for it.

    Attributes:
        raw: the label as the detector spells it.
        label: canonical label.
        vendor: id of the vendor file, or None for a row of nobody's detector.
        also: other labels that are accepted as right when the row is scored.
        group: what the row is reported under, as its family or language.
        foreign: nobody who wrote rows to learn from wrote it, as with what is asked in use.
    """

    raw: str
    label: str
    vendor: str | None = None
    also: frozenset[str] = frozenset()
    group: str = ""
    foreign: bool = False

    @property
    def accepted(self) -> frozenset[str]:
        """Every label that is right."""
        return self.also | {self.label}


@dataclass(frozen=True, slots=True)
class EncodedRow:
    """A row as tokens.

    Attributes:
        bare: token ids of the prompt without a vendor.
        named: token ids of the prompt with the vendor; the same when there is none.
        target: place of the label in the table of label tokens.
    """

    bare: tuple[int, ...]
    named: tuple[int, ...]
    target: int


def rows_of(
    examples: Iterable[Example], accepted: Mapping[tuple[str, str], frozenset[str]] | None = None
) -> tuple[TrainingRow, ...]:
    """Returns the rows of a data set as the training takes them, in the same order.

    Args:
        examples: the rows.
        accepted: further labels that are right, by vendor and raw label; for rows that are scored.
    """
    also = accepted or {}
    return tuple(
        TrainingRow(
            raw=one.raw,
            label=one.label,
            vendor=one.vendor if one.source is Source.VENDOR else None,
            also=also.get((one.vendor, one.raw), frozenset()),
            group=one.family,
            foreign=one.source in {Source.VENDOR, Source.FREE_FORM},
        )
        for one in examples
    )


def encode_rows(
    tokenizer: Tokenizer, rows: Sequence[TrainingRow], labels: Sequence[str]
) -> tuple[EncodedRow, ...]:
    """Returns rows as tokens.

    Raises:
        KeyError: a row has a label that the table of label tokens has not.
    """
    places = {label: at for at, label in enumerate(labels)}
    encoded = []
    for row in rows:
        bare = encode_prompt(tokenizer, row.raw)
        named = bare if row.vendor is None else encode_prompt(tokenizer, row.raw, row.vendor)
        encoded.append(EncodedRow(bare, named, places[row.label]))
    return tuple(encoded)
