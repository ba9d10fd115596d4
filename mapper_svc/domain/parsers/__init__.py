"""Parsers of native payloads, by the id that a vendor file names."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from mapper_svc.domain.parsers import (
    llama_guard,
    llama_stack,
    openai_moderation,
    text_classification,
)
from mapper_svc.domain.signals import Reading

Parser = Callable[[object], Reading]
"""Reads decoded JSON. Raises OtherShapeError when the payload is not the vendor's, MalformedError when it is broken."""

PARSERS: Mapping[str, Parser] = MappingProxyType(
    {
        "llama_guard": llama_guard.parse,
        "llama_stack": llama_stack.parse,
        "openai_moderation": openai_moderation.parse,
        "text_classification": text_classification.parse,
    }
)
