"""What is asked of whatever computes the language model."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

JsonSchema = dict[str, Any]


class EngineUnavailableError(Exception):
    """The engine does not answer now, or never will as this variant is made; says which in `retryable`."""

    def __init__(self, reason: str, *, retryable: bool = True) -> None:
        super().__init__(reason)
        self.retryable = retryable


class RefusedPromptError(Exception):
    """What was asked cannot be done by any engine: too long, or a schema that cannot be followed."""


@dataclass(frozen=True, slots=True)
class Generated:
    """A text that a model wrote.

    Attributes:
        text: without special tokens; of the schema when there was one and it was not cut short.
        prompt_tokens: tokens that were read.
        completion_tokens: tokens that were written, the end included.
    """

    text: str
    prompt_tokens: int
    completion_tokens: int


class Engine(Protocol):
    """A language model. None of its methods keeps the event loop busy."""

    @property
    def parallel(self) -> int:
        """How many batches it scores side by side; more would only wait inside it."""
        ...

    async def label_logits(self, prompts: Sequence[Sequence[int]]) -> NDArray[np.float32]:
        """Returns the logits of the label tokens at the last position, rows by labels.

        A constant may be missing from each row: only differences within a row mean anything.

        Raises:
            EngineUnavailableError: it cannot answer.
        """
        ...

    async def generate(self, prompt: str, *, schema: JsonSchema | None, max_tokens: int) -> Generated:
        """Returns what the base model, without the adapter, writes after a prompt; always its likeliest.

        Args:
            prompt: text with the special tokens of the model's chat template in it.
            schema: JSON schema that the text is to follow.
            max_tokens: most tokens that are written.

        Raises:
            EngineUnavailableError: it cannot answer.
            RefusedPromptError: the prompt is too long or the schema cannot be followed.
        """
        ...

    async def check(self) -> None:
        """Asks the engine whether it answers.

        Raises:
            EngineUnavailableError: it does not.
        """
        ...

    async def close(self) -> None:
        """Frees what it holds; called once."""
        ...
