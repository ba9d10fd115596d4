from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

Share = Annotated[float, Meta(ge=0, le=1)]
Bounds = tuple[Share, Share]
"""Lowest and highest risk in [0, 1]."""


class Expected(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a payload must come to.

    Attributes:
        findings: the canonical labels, all of them and no other, each with the bounds of its risk where the
            vendor's documentation tells how bad it is.
        tier: `rule` or `fallback` where it is the same for every finding.
    """

    findings: Mapping[str, Bounds | None]
    tier: Annotated[str, Meta(pattern="^(rule|fallback)$")] | None = None


class GoldenRow(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One native payload with what it must be mapped to.

    Attributes:
        id: `<vendor>/hNNN` when written by hand, `<vendor>/tNNN` when it comes from the table.
        vendor: id of the vendor, the name of the file.
        output: the detector's answer, decoded JSON of any kind or a text.
        expected: what it must come to.
        why: what the case is there for.
        detector: the name that the caller gives; the vendor's id when it gives none.
        version: the detector's version.
        hidden: texts of the payload that no answer may carry.
    """

    id: Annotated[str, Meta(pattern=r"^[a-z0-9_]+/[ht]\d{3}$")]
    vendor: Annotated[str, Meta(min_length=1)]
    output: object
    expected: Expected
    why: Annotated[str, Meta(min_length=1, max_length=200)]
    detector: str | None = None
    version: str | None = None
    hidden: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The detector's name as the mapper hears it."""
        return self.detector or self.vendor

    @property
    def payload_key(self) -> str:
        """The payload in a form in which two that are the same are equal."""
        return msgspec.json.encode(self.output, order="deterministic").decode()
