"""Erasure of what is kept of one person, who is known here by a keyed hash only."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Protocol
from uuid import UUID, uuid4

from analysis_svc.domain.access import Principal
from analysis_svc.domain.errors import ErrorCode, ServiceError


class ErasureState(StrEnum):
    """How far an erasure is.

    Members:
        PENDING: the pipelines have not come to it yet.
        HELD: a legal hold covers some of it, which stays until that is released; the rest is erased.
        DONE: nothing of the person is left.
    """

    PENDING = "pending"
    HELD = "held"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One request to erase.

    Attributes:
        erasure_id: names it in the tenant.
        state: how far it is.
        requested_at: when, UTC.
        requested_by: token id of who asked.
        finished_at: when the pipelines last worked on it; None before they did.
        analyses: how many analyses were erased.
        findings: how many findings were erased with them.
        held: how many analyses a legal hold keeps.
    """

    erasure_id: UUID
    state: ErasureState
    requested_at: datetime
    requested_by: str
    finished_at: datetime | None = None
    analyses: int = 0
    findings: int = 0
    held: int = 0


class SubjectHash(Protocol):
    """Turns a person's name in an application into what is kept of it."""

    def __call__(self, tenant_id: UUID, subject: str) -> bytes:
        """Return a keyed hash, another one in each tenant; raises ServiceError when there is no key."""
        ...


class ErasureStore(Protocol):
    """Keeps requests to erase. Each call raises StorageUnavailableError."""

    async def request(self, tenant_id: UUID, erasure: Erasure, subject_hash: bytes) -> Erasure:
        """Keep a request with its audit event; one of that id that is there is returned as it is."""
        ...

    async def get(self, tenant_id: UUID, erasure_id: UUID) -> Erasure | None:
        """Return one, or None."""
        ...

    async def page(self, tenant_id: UUID, *, limit: int) -> Sequence[Erasure]:
        """Return requests, the newest first."""
        ...


class Erasures:
    """Takes requests to erase; the pipelines do it, for the service itself cannot remove evidence."""

    def __init__(self, store: ErasureStore, subject_hash: SubjectHash) -> None:
        self._store = store
        self._subject_hash = subject_hash

    async def request(self, caller: Principal, subject: str, *, erasure_id: UUID | None = None) -> Erasure:
        """Ask for the erasure of all that is kept of a person; asked twice under one id, it is one request.

        Raises:
            ServiceError: INVALID_REQUEST where this installation has no key to know persons by.
        """
        digest = self._subject_hash(caller.tenant_id, subject)
        erasure = Erasure(erasure_id or uuid4(), ErasureState.PENDING, datetime.now(UTC), caller.token_id)
        return await self._store.request(caller.tenant_id, erasure, digest)

    async def get(self, tenant_id: UUID, erasure_id: UUID) -> Erasure:
        """Return one.

        Raises:
            ServiceError: NOT_FOUND.
        """
        found = await self._store.get(tenant_id, erasure_id)
        if found is None:
            raise ServiceError(ErrorCode.NOT_FOUND, "this tenant has no such erasure", field="erasure_id")
        return found

    async def page(self, tenant_id: UUID, *, limit: int) -> Sequence[Erasure]:
        """Return requests, the newest first."""
        return await self._store.page(tenant_id, limit=limit)
