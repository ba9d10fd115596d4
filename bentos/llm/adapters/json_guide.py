"""Text that follows a JSON schema: at each token only those that can still lead to such a text."""

from typing import Any

import numpy as np
import torch
from llguidance import LLMatcher
from llguidance.hf import from_tokenizer
from llguidance.numpy import allocate_token_bitmask, fill_next_token_bitmask
from torch import Tensor

from bentos.llm.domain.engine import JsonSchema, RefusedPromptError


class JsonGuides:
    """Makes a guide for each text."""

    def __init__(self, tokenizer: Any, vocabulary: int) -> None:  # noqa: ANN401 - any fast tokenizer
        self._tokens = from_tokenizer(tokenizer, n_vocab=vocabulary)
        self._vocabulary = vocabulary

    def start(self, schema: JsonSchema) -> "JsonGuide":
        """Returns a guide at the beginning of a text.

        Raises:
            RefusedPromptError: the schema cannot be followed; says why.
        """
        # No spaces but those in strings: a small model left to write them may never end.
        try:
            grammar = LLMatcher.grammar_from_json_schema(schema, overrides={"whitespace_flexible": False})
            matcher = LLMatcher(self._tokens, grammar)
        except ValueError as error:
            raise RefusedPromptError(f"the schema cannot be followed: {error}") from None
        if matcher.is_error():
            raise RefusedPromptError(f"the schema cannot be followed: {_first_line(matcher.get_error())}")
        return JsonGuide(matcher, self._vocabulary)


class JsonGuide:
    """Where one text is in its schema."""

    def __init__(self, matcher: LLMatcher, vocabulary: int) -> None:
        self._matcher = matcher
        self._vocabulary = vocabulary
        self._bits = allocate_token_bitmask(1, vocabulary)

    def mask(self, logits: Tensor) -> Tensor:
        """Returns the logits with those of tokens that may not come now at minus infinity."""
        fill_next_token_bitmask(self._matcher, self._bits)
        allowed = np.unpackbits(self._bits.view(np.uint8), bitorder="little")[: self._vocabulary]
        forbidden = torch.from_numpy(allowed == 0).to(logits.device)
        return logits.masked_fill(forbidden, float("-inf"))

    def ends_with(self, token: int) -> bool:
        """Goes on by a token; returns whether the text is complete with it."""
        self._matcher.consume_token(token)
        return bool(self._matcher.is_stopped())


def _first_line(text: str) -> str:
    return text.partition("\n")[0][:200]
