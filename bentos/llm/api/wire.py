"""What /v1 takes and gives."""

from typing import Annotated, Any

import msgspec
from msgspec import Meta

from bentos.llm.domain.model_version import ModelVersion

LONGEST_BODY = 1 << 20
MOST_ITEMS = 256
LONGEST_LABEL = 200
_LONGEST_VENDOR = 200
_MOST_MESSAGES = 64
_LONGEST_CONTENT = 65_536


class AskedItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A raw label with the vendor whose it is, or null."""

    label: Annotated[str, Meta(min_length=1, max_length=LONGEST_LABEL)]
    vendor: Annotated[str, Meta(max_length=_LONGEST_VENDOR)] | None = None


class MapRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Raw labels to answer for."""

    items: Annotated[list[AskedItem], Meta(min_length=1, max_length=MOST_ITEMS)]


class ItemDistributions(msgspec.Struct, frozen=True):
    """Calibrated probabilities in the order of the labels; each sums to 1 but for rounding.

    ``tokens`` is how many the language model read for the item.
    """

    combined: list[float]
    model: list[float]
    head: list[float]
    tokens: int


class MapResponse(msgspec.Struct, frozen=True):
    """The distributions of each item, in order."""

    model: ModelVersion
    labels: tuple[str, ...]
    items: list[ItemDistributions]


class Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One turn of a conversation."""

    role: Annotated[str, Meta(pattern="^(system|user|assistant)$")]
    content: Annotated[str, Meta(max_length=_LONGEST_CONTENT)]


class GenerateRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A conversation to go on with."""

    messages: Annotated[list[Message], Meta(min_length=1, max_length=_MOST_MESSAGES)]
    max_tokens: Annotated[int, Meta(ge=1)]
    schema: dict[str, Any] | None = None


class GenerateResponse(msgspec.Struct, frozen=True):
    """What the base model wrote."""

    text: str
    model: ModelVersion
    prompt_tokens: int
    completion_tokens: int
