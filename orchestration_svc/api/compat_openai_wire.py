"""OpenAI's moderation API over the wire; what its clients may send beyond this is passed over."""

from typing import Annotated

import msgspec
from msgspec import Meta

from orchestration_svc.domain.look_at_texts import TEXTS_MAX


class TextPart(msgspec.Struct, frozen=True, tag_field="type", tag="text"):
    """A piece of text."""

    text: str


class ImagePart(msgspec.Struct, frozen=True, tag_field="type", tag="image_url"):
    """An image; it is refused, as nothing here can look at one."""

    image_url: object


class ModerationRequest(msgspec.Struct, frozen=True):
    """Texts to look at.

    ``model`` is ``policy:`` and the name of a policy; any other, as ``omni-moderation-latest``, means the
    tenant's default policy.
    """

    input: str | Annotated[list[str | TextPart | ImagePart], Meta(min_length=1, max_length=TEXTS_MAX)]
    model: Annotated[str, Meta(max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")] = ""


class ModerationOut(msgspec.Struct, frozen=True):
    """One text. ``undetermined`` says that it was not looked at in full."""

    flagged: bool
    categories: dict[str, bool]
    category_scores: dict[str, float]
    category_applied_input_types: dict[str, list[str]]


class ModerationAnswer(msgspec.Struct, frozen=True):
    """A result for each text, in order."""

    id: str
    model: str
    results: list[ModerationOut]
