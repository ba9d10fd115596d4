"""What the Bento `llm` takes and gives, read strictly: what is no distribution over our labels is refused."""

import math
from array import array
from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from mapper_svc.domain.label_model import (
    AskedLabel,
    LabelDistributions,
    ModelAnswer,
    ModelFault,
    ModelUnavailableError,
    ModelVersion,
)

ITEMS_MAX = 256
"""Most labels of one call."""
_SUM_TOLERANCE = 1e-3
_Name = Annotated[str, Meta(min_length=1, max_length=200)]
_Probabilities = list[Annotated[float, Meta(ge=0, le=1)]]


class VersionIn(msgspec.Struct, frozen=True):
    """Who answers."""

    name: _Name
    version: _Name
    adapter: _Name
    base: _Name
    taxonomy: _Name
    label_tokens: _Name
    calibrator: _Name
    threshold: Annotated[float, Meta(ge=0, le=1)] | None
    engine: _Name


class ItemIn(msgspec.Struct, frozen=True):
    """What is said of one label; a server of before does not tell how many tokens it read."""

    combined: _Probabilities
    model: _Probabilities
    head: _Probabilities
    tokens: Annotated[int, Meta(ge=0, le=100_000)] = 0


class MapAnswerIn(msgspec.Struct, frozen=True):
    """The answer of /v1/map."""

    model: VersionIn
    labels: list[str]
    items: list[ItemIn]


class ItemOut(msgspec.Struct, frozen=True):
    """One label that is asked about."""

    vendor: str | None
    label: str


class MapQuestionOut(msgspec.Struct, frozen=True):
    """The question of /v1/map."""

    items: list[ItemOut]


def question(asked: Sequence[AskedLabel]) -> bytes:
    """Return the body that asks about labels."""
    return msgspec.json.encode(MapQuestionOut([ItemOut(one.vendor, one.label) for one in asked]))


def read_version(body: bytes) -> ModelVersion:
    """Read the answer of /v1/version; raises ModelUnavailableError when it is none."""
    try:
        return _version(msgspec.json.decode(body, type=VersionIn))
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ModelUnavailableError(ModelFault.BAD_ANSWER) from None


def read_answer(body: bytes, *, asked: int, labels: tuple[str, ...], edition: str) -> ModelAnswer:
    """Read the answer of /v1/map.

    Args:
        body: JSON.
        asked: how many labels were asked about.
        labels: those of the edition, in its order.
        edition: the taxonomy edition in use.

    Raises:
        ModelUnavailableError: MISMATCH for labels or an edition that are not ours, BAD_ANSWER for anything
            that is not one proper distribution of each kind for each label asked.
    """
    try:
        answer = msgspec.json.decode(body, type=MapAnswerIn)
    except (msgspec.DecodeError, UnicodeDecodeError):
        # Without its cause: the words of a decoder quote what it read.
        raise ModelUnavailableError(ModelFault.BAD_ANSWER) from None
    if answer.model.taxonomy != edition or tuple(answer.labels) != labels:
        raise ModelUnavailableError(ModelFault.MISMATCH)
    if len(answer.items) != asked:
        raise ModelUnavailableError(ModelFault.BAD_ANSWER)
    distributions = tuple(
        LabelDistributions(
            distribution(item.combined, len(labels)),
            distribution(item.model, len(labels)),
            distribution(item.head, len(labels)),
        )
        for item in answer.items
    )
    tokens = sum(item.tokens for item in answer.items)
    return ModelAnswer(_version(answer.model), labels, distributions, tokens)


def distribution(numbers: Sequence[float], size: int) -> "array[float]":
    """Return probabilities of a known number that sum to 1, as 32-bit floats.

    Raises:
        ModelUnavailableError: BAD_ANSWER when they are anything else.
    """
    total = math.fsum(numbers)
    # Written so that NaN fails too.
    if len(numbers) != size or not abs(total - 1.0) <= _SUM_TOLERANCE:
        raise ModelUnavailableError(ModelFault.BAD_ANSWER)
    return array("f", numbers)


def _version(said: VersionIn) -> ModelVersion:
    return ModelVersion(**msgspec.structs.asdict(said))
