"""API keys: long-lived tokens that are shown once, rotated with overlap, and revoked by id."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from orchestration_svc.domain.access import Principal, Role, grantable_scopes
from orchestration_svc.domain.errors import ErrorCode, ServiceError
from orchestration_svc.domain.ports import Clock, KeyStore, RevocationFeed, TokenSigner

AUDIENCES = ("orchestration_svc", "mapper_svc", "analysis_svc")
MAX_LIFETIME = timedelta(days=366)
MAX_OVERLAP = timedelta(days=30)
# What an act is signed with when nobody but the operator of the machine can have done it.
MACHINE = "cli"
_NAME = re.compile(r"[^\x00-\x1f\x7f]{1,128}")


@dataclass(frozen=True, slots=True)
class ApiKey:
    """What is kept of a key; the token itself is not."""

    tenant_id: UUID
    key_id: UUID
    name: str
    roles: frozenset[Role]
    scopes: frozenset[str]
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key with its token, which is shown this once."""

    key: ApiKey
    token: str


class ManageKeys:
    """Issue, list, rotate and revoke the keys of one tenant."""

    def __init__(self, store: KeyStore, signer: TokenSigner, feed: RevocationFeed, clock: Clock) -> None:
        self._store = store
        self._signer = signer
        self._feed = feed
        self._clock = clock

    async def issue(
        self,
        *,
        tenant_id: UUID,
        granter: Principal | None,
        name: str,
        roles: frozenset[Role],
        scopes: frozenset[str] | None,
        lifetime: timedelta,
    ) -> IssuedKey:
        """Make a key.

        Args:
            tenant_id: the tenant the key will act for.
            granter: who asks; None for the operator of the machine, who may grant anything.
            name: what people call it.
            roles: its roles.
            scopes: a narrower set than the roles give, or None for all of them.
            lifetime: until it expires; 366 days at most.

        Raises:
            ServiceError: INVALID_REQUEST for a name, lifetime, role or scope that cannot be had,
                INSUFFICIENT_RBAC for one that the granter cannot hand out.
        """
        key = self._new_key(tenant_id, name=name, roles=roles, scopes=scopes, lifetime=lifetime)
        may_grant(granter, key)
        token = await self._sign(key)
        await self._store.add(key, actor=_name_of(granter))
        return IssuedKey(key, token)

    async def list(self, tenant_id: UUID) -> list[ApiKey]:
        """List the tenant's keys, newest first."""
        return await self._store.list(tenant_id)

    async def rotate(
        self, *, tenant_id: UUID, granter: Principal | None, key_id: UUID, overlap: timedelta
    ) -> IssuedKey:
        """Replace a key by a new one with the same rights; the old one works on for ``overlap``.

        Raises:
            ServiceError: NOT_FOUND when the tenant has no such key, CONFLICT when it was revoked,
                INVALID_REQUEST for an overlap over 30 days, INSUFFICIENT_RBAC for a key that has more
                rights than the granter, who would see its successor's token.
        """
        if not timedelta(0) <= overlap <= MAX_OVERLAP:
            raise ServiceError(ErrorCode.INVALID_REQUEST, "an overlap is 0 to 30 days", field="overlap_s")
        old = await self._store.get(tenant_id, key_id)
        key = self._new_key(
            tenant_id,
            name=old.name,
            roles=old.roles,
            scopes=old.scopes,
            lifetime=old.expires_at - old.created_at,
        )
        may_grant(granter, key)
        issued = IssuedKey(key, await self._sign(key))
        # One step, so that of several rotations at once one makes a successor and the others a CONFLICT.
        await self._store.replace(
            key_id, key, revoked_at=self._clock.now() + overlap, actor=_name_of(granter)
        )
        await self._feed.publish()
        return issued

    async def revoke(self, *, tenant_id: UUID, actor: str, key_id: UUID) -> None:
        """Revoke a key now. Revoking it again changes nothing.

        Raises:
            ServiceError: NOT_FOUND when the tenant has no such key.
        """
        await self._store.revoke(tenant_id, key_id, at=self._clock.now(), actor=actor, action="key.revoked")
        await self._feed.publish()

    def _new_key(
        self,
        tenant_id: UUID,
        *,
        name: str,
        roles: frozenset[Role],
        scopes: frozenset[str] | None,
        lifetime: timedelta,
    ) -> ApiKey:
        if not _NAME.fullmatch(name):
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, "a name is 1 to 128 characters, none of control", field="name"
            )
        if not timedelta(seconds=1) <= lifetime <= MAX_LIFETIME:
            raise ServiceError(
                ErrorCode.INVALID_REQUEST, "a key lives from 1 second to 366 days", field="lifetime"
            )
        now = self._clock.now()
        return ApiKey(
            tenant_id=tenant_id,
            key_id=uuid4(),
            name=name,
            roles=roles,
            scopes=grantable_scopes(tenant_id, roles, scopes),
            created_at=now,
            expires_at=now + lifetime,
        )

    async def _sign(self, key: ApiKey) -> str:
        return await self._signer.sign(
            token_id=str(key.key_id),
            tenant_id=key.tenant_id,
            roles=frozenset(role.value for role in key.roles),
            scopes=key.scopes,
            audiences=AUDIENCES,
            expires_at=key.expires_at,
        )


def _name_of(granter: Principal | None) -> str:
    return MACHINE if granter is None else granter.token_id


def may_grant(granter: Principal | None, key: ApiKey) -> None:
    """Refuse a caller who would hand out more than they have themselves.

    Raises:
        ServiceError: INSUFFICIENT_RBAC.
    """
    if granter is None:
        return
    if granter.tenant_id != key.tenant_id:
        # The platform gives a tenant its first key, and no right there is one of its own.
        if "tenants:manage" not in granter.scopes:
            raise ServiceError(ErrorCode.INSUFFICIENT_RBAC, "only the platform acts for another tenant")
        return
    if Role.PLATFORM_ADMIN in key.roles and Role.PLATFORM_ADMIN not in granter.roles:
        raise ServiceError(ErrorCode.INSUFFICIENT_RBAC, "only a platform_admin can make another one")
    if beyond := sorted(key.scopes - granter.scopes):
        raise ServiceError(
            ErrorCode.INSUFFICIENT_RBAC, f"this token does not carry the scope '{beyond[0]}' itself"
        )
