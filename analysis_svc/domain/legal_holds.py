"""Legal holds: what must not be deleted while somebody may have to prove something by it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol
from uuid import UUID, uuid4

from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError

HOLDS_MAX = 100
"""Most holds of one tenant that are in force at once; each is looked at for every row that is to go."""


@dataclass(frozen=True, slots=True)
class LegalHold:
    """What may not be deleted, whatever its age and whoever asks.

    Attributes:
        hold_id: names it in the tenant.
        reason: why, such as the name of a case.
        application: only what this application sent; None for every application.
        covers_from: only what is from then on; None for any time before.
        covers_to: only what is from before then; None for any time after, the future too.
        placed_at: since when it is in force, UTC.
        placed_by: token id of who placed it.
        released_at: since when it no longer is; None while it is.
        released_by: token id of who released it.
    """

    hold_id: UUID
    reason: str
    application: str | None
    covers_from: datetime | None
    covers_to: datetime | None
    placed_at: datetime
    placed_by: str
    released_at: datetime | None = None
    released_by: str | None = None


class HoldStore(Protocol):
    """Keeps holds. Each call raises StorageUnavailableError."""

    async def place(self, tenant_id: UUID, hold: LegalHold, *, most: int) -> LegalHold:
        """Keep a hold with its audit event; when this returns, no deletion goes on that it would stop.

        One of that id that is there already is returned as it is.

        Raises:
            ServiceError: CONFLICT when the tenant has `most` already.
        """
        ...

    async def release(
        self, tenant_id: UUID, hold_id: UUID, *, at: datetime, actor: str
    ) -> tuple[LegalHold, bool] | None:
        """End a hold; the hold and whether it was in force until now, or None when there is none."""
        ...

    async def page(self, tenant_id: UUID, *, active: bool | None, limit: int) -> Sequence[LegalHold]:
        """Return holds, the newest first; those in force, those that are not, or all."""
        ...


class LegalHolds:
    """Places, lists and releases holds of the caller's tenant."""

    def __init__(self, store: HoldStore) -> None:
        self._store = store

    async def place(
        self,
        caller: Principal,
        reason: str,
        *,
        application: str | None,
        covers_from: datetime | None,
        covers_to: datetime | None,
        hold_id: UUID | None = None,
    ) -> LegalHold:
        """Place a hold; placed twice under one id, it is one.

        Raises:
            ServiceError: INVALID_REQUEST for a period that is none; CONFLICT for one hold too many.
        """
        for name, moment in (("covers_from", covers_from), ("covers_to", covers_to)):
            if moment is not None and moment.tzinfo is None:
                raise ServiceError(
                    ErrorCode.INVALID_REQUEST, "give the time with its offset, such as Z", field=name
                )
        if covers_from and covers_to and covers_from >= covers_to:
            raise ServiceError(ErrorCode.INVALID_REQUEST, "must be later than covers_from", field="covers_to")
        hold = LegalHold(
            hold_id=hold_id or uuid4(),
            reason=reason,
            application=application,
            covers_from=covers_from,
            covers_to=covers_to,
            placed_at=datetime.now(UTC),
            placed_by=caller.token_id,
        )
        return await self._store.place(caller.tenant_id, hold, most=HOLDS_MAX)

    async def release(self, caller: Principal, hold_id: UUID) -> LegalHold:
        """End a hold.

        Raises:
            ServiceError: NOT_FOUND; CONFLICT when it was released before.
        """
        found = await self._store.release(
            caller.tenant_id, hold_id, at=datetime.now(UTC), actor=caller.token_id
        )
        if found is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such hold", field="hold_id")
        hold, ended = found
        if not ended:
            raise ServiceError(ErrorCode.CONFLICT, "this hold was released before", field="hold_id")
        return hold

    async def page(self, tenant_id: UUID, *, active: bool | None, limit: int) -> Sequence[LegalHold]:
        """Return holds, the newest first."""
        return await self._store.page(tenant_id, active=active, limit=limit)
