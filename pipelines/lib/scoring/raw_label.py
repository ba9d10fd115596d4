from dataclasses import dataclass
from typing import Protocol

from mapper_svc.domain.prompt import prompt
from pipelines.lib.scoring.label_tokens import Tokenizer


class HasRawLabel(Protocol):
    """What is asked of a row that is to be scored."""

    @property
    def raw(self) -> str:
        """The label as the detector spells it."""
        ...

    @property
    def vendor(self) -> str | None:
        """Id of the vendor file, or None when the detector is nobody's known one."""
        ...


@dataclass(frozen=True, slots=True)
class RawLabel:
    """A raw label that a distribution is wanted for.

    Attributes:
        raw: the label as the detector spells it.
        vendor: id of the vendor file, or None when the detector is nobody's known one.
    """

    raw: str
    vendor: str | None = None


def encode_prompt(tokenizer: Tokenizer, raw: str, vendor: str | None = None) -> tuple[int, ...]:
    """Returns the token ids of a prompt, with the special tokens that the tokenizer puts in front."""
    return tuple(tokenizer.encode(prompt(raw, vendor), add_special_tokens=True))
