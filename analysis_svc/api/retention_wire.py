"""Legal holds and erasures over the wire."""

from datetime import datetime
from typing import Annotated
from uuid import UUID

import msgspec
from msgspec import Meta

from analysis_svc.api.wire import Name
from analysis_svc.domain.erasures import ErasureState

Moment = Annotated[datetime, Meta(tz=True)]


class HoldRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What may not be deleted: everything of the tenant, or what an application sent or a period holds."""

    reason: Annotated[str, Meta(min_length=1, max_length=500, pattern=r"^[^\x00-\x1f\x7f]*$(?!\n)")]
    application: Name | None = None
    covers_from: Moment | None = None
    covers_to: Moment | None = None


class HoldOut(msgspec.Struct, frozen=True):
    """A hold; ``released_at`` is null while it is in force."""

    hold_id: UUID
    reason: str
    application: str | None
    covers_from: datetime | None
    covers_to: datetime | None
    placed_at: datetime
    placed_by: str
    released_at: datetime | None
    released_by: str | None


class HoldList(msgspec.Struct, frozen=True):
    """Holds, the newest first."""

    holds: list[HoldOut]


class ErasureRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whose data to erase: the ``subject`` that analyses were sent with."""

    subject: Name


class ErasureOut(msgspec.Struct, frozen=True):
    """An erasure. It never tells whose it is; ``held`` counts analyses that a legal hold keeps."""

    erasure_id: UUID
    state: ErasureState
    requested_at: datetime
    requested_by: str
    finished_at: datetime | None
    analyses: int
    findings: int
    held: int


class ErasureList(msgspec.Struct, frozen=True):
    """Erasures, the newest first."""

    erasures: list[ErasureOut]
